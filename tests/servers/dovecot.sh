#!/usr/bin/env bash
# A throw-away Dovecot on the loopback for the tests: dovecot.sh FOLDER PORT TLSPORT [PROXYPORT]
# On PROXYPORT each connection has to begin with a PROXY protocol header.
# Everything it reads and writes lies in FOLDER. It stays in front and prints "ready" when it serves; SIGTERM ends it.
# Users: alice with the password "secret" and the messages FOLDER/messages/*.eml (LF line ends), in the order of their names.
# FOLDER/ca.pem signed its certificate, which is for localhost and 127.0.0.1. Needs dovecot-pop3d and openssl.
set -euo pipefail
umask 022
dir=$(cd "$1" && pwd -P) port=$2 tls_port=$3 proxy_port=${4:-0}

# --- mail
box=$dir/mail/alice
mkdir -p "$box"/{cur,new,tmp} "$dir/run" "$dir/state"
printf 'alice:{PLAIN}secret::::::\n' >"$dir/passwd"
number=0
for file in "$dir"/messages/*.eml; do
  number=$((number + 1))
  cp "$file" "$box/cur/$((1767600000 + number)).M${number}P1.test:2,"
done

# --- a certificate authority and a certificate
(
  cd "$dir"
  ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
  # shellcheck disable=SC2086
  openssl req -x509 $ec -days 3650 -subj '/CN=test authority' -keyout ca.key -out ca.pem \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  # shellcheck disable=SC2086
  openssl req $ec -subj '/CN=localhost' -keyout key.pem -out request.pem
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
  openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile extensions -out cert.pem
) 2>"$dir/openssl.log"

# --- one unprivileged user for every process
if [ "$(id -u)" = 0 ]; then
  user=nobody group=$(id -gn nobody)
  drop=(setpriv --reuid "$user" --regid "$group" --clear-groups)
  chmod o+x "$(dirname "$dir")"
  chown -R "$user:$group" "$dir"
else
  user=$(id -un) group=$(id -gn) drop=()
fi
cat >"$dir/dovecot.conf" <<CONF
protocols = pop3
listen = 127.0.0.1
base_dir = $dir/run
state_dir = $dir/state
log_path = $dir/log
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
haproxy_trusted_networks = 127.0.0.0/8
haproxy_timeout = 3 secs
ssl = yes
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 apop scram-sha-1 scram-sha-256
auth_failure_delay = 0
mail_location = maildir:$dir/mail/%u
mail_max_userip_connections = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u $dir/passwd
}
userdb {
  driver = static
  args = uid=$user gid=$group home=$dir/mail/%u allow_all_users=yes
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = $port
  }
  inet_listener pop3s {
    port = $tls_port
    ssl = yes
  }
  inet_listener pop3-haproxy {
    port = $proxy_port
    haproxy = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
CONF

dovecot=$(command -v dovecot || echo /usr/sbin/dovecot)
"${drop[@]}" "$dovecot" -F -c "$dir/dovecot.conf" </dev/null >"$dir/out" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; exit 0' TERM INT
for _ in $(seq 200); do
  kill -0 "$pid" 2>/dev/null || break
  if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null && IFS= read -r -t 2 line <&3 && [[ $line == +OK* ]]; then
    exec 3>&-
    echo ready
    wait "$pid"
    exit
  fi
  sleep 0.05
done
echo "dovecot did not start:" >&2
tail -n 5 "$dir/out" "$dir/log" >&2 || true
kill "$pid" 2>/dev/null || true
exit 1
