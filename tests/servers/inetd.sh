#!/usr/bin/env bash
# A POP3 server from Debian that speaks on its standard input and output, as inetd starts it, for the tests:
#
#     inetd.sh prepare SERVER FOLDER    once
#     inetd.sh serve SERVER FOLDER      for each connection
#
# SERVER is `mailutils` (package mailutils-pop3d) or `popa3d`, which can't be installed beside another POP3 server and is only
# unpacked. The user alice with the password "secret" has the maildrop FOLDER/mail/alice (mbox). She is known to the server alone, in a
# mount namespace of its own, which takes root or sudo. Needs openssl.
set -euo pipefail
what=$1 server=$2 dir=$(cd "$3" && pwd -P)
if [ "$(id -u)" = 0 ]; then root=(); else root=(sudo); fi
user=54321

prepare() {
  case $server in
    mailutils) [ -x /usr/sbin/pop3d ] ;;
    popa3d) (cd "$dir" && apt-get download -qq popa3d && dpkg -x popa3d_*.deb .) ;;
  esac >"$dir/log" 2>&1
  {
    grep -vE '^(alice|popa3d):' /etc/passwd
    echo "alice:x:$user:$user::/:/bin/sh"
    echo "popa3d:x:$((user + 1)):65534::/:/bin/false"
  } >"$dir/passwd"
  echo "alice:$(openssl passwd -6 secret):20000:0:99999:7:::" >"$dir/shadow"
  cat >"$dir/pop3d.conf" <<'CONF'
mailbox { mailbox-pattern "/var/mail/${user}"; }
auth { authentication "generic:system:pam"; authorization "system"; }
logging { syslog no; }
CONF
  chmod 755 "$dir"
  chmod 1777 "$dir/mail"
  chmod 660 "$dir/mail/alice"
  "${root[@]}" chown "$user:mail" "$dir/mail/alice"
}

serve() {
  exec "${root[@]}" unshare --mount --propagation private bash -c '
    set -e
    mount --bind "$1/passwd" /etc/passwd
    mount --bind "$1/shadow" /etc/shadow
    mount --bind "$1/mail" /var/mail
    case $0 in
      mailutils) exec /usr/sbin/pop3d --no-config --config-file="$1/pop3d.conf" --inetd ;;
      popa3d)
        mount -t tmpfs tmpfs /var/lib
        mkdir /var/lib/popa3d
        exec "$1/usr/sbin/popa3d" ;;
    esac' "$server" "$dir" 2>>"$dir/log"
}

"$what"
