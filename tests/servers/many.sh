#!/usr/bin/env bash
# Starts one of many POP3 servers on the loopback, to try poptalk on servers that nobody tuned it to:
#
#     many.sh list                           the names
#     many.sh NAME PORT [TLSPORT]            stays in front, prints "ready" once it greets; SIGTERM ends it
#
# The user is alice with the password "secret" (alice@test for the ones from PyPI). Needs root: each server lives in a copy-on-write view of this machine
# (mount and pid namespaces, an overlay in memory), where its packages are installed from Debian or PyPI. Nothing is left.
set -euo pipefail

if [ "${1:-}" = list ]; then
  echo courier cyrus dovecot fengtang inetsim mailutils nginx perdition pop3pot popa3d solid twisted voidpop
  exit
fi
name=$1 port=$2 tls_port=${3:-$(($2 + 1))}

# --- outside: make the view and go in
if [ -z "${MANY_INSIDE:-}" ]; then
  script=$(readlink -f "$0")
  work=$(mktemp -d)
  export script work name port tls_port
  unshare --mount --pid --fork --kill-child --propagation private bash -c '
    set -e
    mount -t tmpfs -o size=6g tmpfs "$work"
    cd "$work"
    mkdir upper temporary root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/temporary" root
    for folder in dev sys; do mount --rbind /$folder root/$folder; done
    mount -t proc proc root/proc
    mount -t tmpfs -o mode=755 tmpfs root/run
    mount -t tmpfs -o mode=1777 tmpfs root/tmp
    cp "$script" root/run/many.sh
    printf "#!/bin/sh\nexit 101\n" >root/usr/sbin/policy-rc.d
    chmod +x root/usr/sbin/policy-rc.d
    # Not exec: the first process must be a shell, which reaps orphans.
    MANY_INSIDE=1 chroot root bash /run/many.sh "$name" "$port" "$tls_port"
    exit $?' &
  child=$!
  trap 'kill -9 $(ps -o pid= --ppid $child) $child 2>/dev/null; rmdir "$work" 2>/dev/null; exit 0' TERM INT
  wait $child
  exit
fi

# --- inside
export DEBIAN_FRONTEND=noninteractive
cd /run
log=/run/log
trap 'echo "$name ended:" >&2; tail -n 5 $log >&2' EXIT

packages() { apt-get install -y -qq --no-install-recommends "$@" >>$log 2>&1 || { tail -n 5 $log >&2; exit 1; }; }
python() { python3 -m venv /run/venv >>$log && /run/venv/bin/pip install -q "$@" >>$log 2>&1 || { tail -n 5 $log >&2; exit 1; }; }
user() { useradd -m -s /bin/sh -p "$(openssl passwd -6 secret)" alice; }
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout /run/key.pem -out /run/cert.pem 2>/dev/null
  cat /run/key.pem /run/cert.pem >/run/both.pem
}
# Nine messages, with what breaks servers: dots, 8-bit octets, an empty body, a long line, no final line end.
messages() {
  mkdir -p /run/messages
  python3 - <<'PY'
head = "From: bob@example.org\nTo: alice@example.org\nSubject: message %d\nMessage-Id: <%d@example.org>\nDate: Mon, 05 Jan 2026 10:00:00 +0000\n\n"
bodies = [b"A short one.\n", b".one dot\n..two dots\n.\nend\n", "Gr\u00fc\u00dfe\n".encode(), b"latin \xe9\xe8\n", b"", b"x" * 10000 + b"\n",
          b"line\n" * 3000, b"escape \x1b[31mred\x1b[0m\n", b"no line end"]
for number, body in enumerate(bodies, 1):
    with open(f"/run/messages/{number}.eml", "wb") as file:
        file.write((head % (number, number)).encode() + body)
PY
}
maildir() {
  mkdir -p "$1"/{cur,new,tmp}
  local number
  for number in 1 2 3 4 5 6 7 8 9; do cp /run/messages/$number.eml "$1/new/$((1767600000 + number)).M${number}P1.test"; done
}
mbox() {
  for file in /run/messages/*.eml; do
    echo 'From bob@example.org Mon Jan  5 10:00:00 2026'
    sed 's/^\(>*From \)/>\1/' "$file"
    printf '\n\n'
  done >"$1"
}
system_mbox() { mkdir -p /var/mail; mbox /var/mail/alice; chown alice:mail /var/mail/alice; chmod 660 /var/mail/alice; }
inetd() {
  cat >/run/inetd.py <<'PY'
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(50)
while True:
    peer, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        for fd in (0, 1):
            os.dup2(peer.fileno(), fd)
        os.dup2(os.open("/run/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os.execv(sys.argv[2], sys.argv[2:])
    peer.close()
PY
  python3 /run/inetd.py "$port" "$@"
}
# Dovecot on the next two ports, for the proxies.
dovecot_at() {
  user; messages; maildir /home/alice/Maildir; chown -R alice:alice /home/alice; certificate
  cat >/run/dovecot.conf <<CONF
protocols = pop3
listen = 127.0.0.1
log_path = /run/log
ssl_cert = </run/cert.pem
ssl_key = </run/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login cram-md5 apop
mail_location = maildir:/home/alice/Maildir
userdb { driver = passwd }
passdb {
  driver = passwd-file
  args = scheme=PLAIN /run/passwd
}
service pop3-login {
  inet_listener pop3 { port = $1 }
  inet_listener pop3s { port = $2 }
}
CONF
  # One setting a line.
  sed -i 's/{ \(driver = passwd\|port = [0-9]*\) }/{\n\1\n}/' /run/dovecot.conf
  echo 'alice:{PLAIN}secret' >/run/passwd
  mkdir -p /run/dovecot
}
(
  for _ in $(seq 600); do
    if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null && IFS= read -r -t 2 line <&3 && [ "${line#+}" != "$line" ]; then
      echo "ready $port $tls_port"
      exit
    fi
    sleep 0.2
  done
  echo "no greeting on port $port"
) &

case $name in
  dovecot)
    packages dovecot-pop3d openssl; dovecot_at "$port" "$tls_port"
    dovecot -F -c /run/dovecot.conf ;;
  courier)
    packages courier-pop courier-authdaemon courier-authlib-userdb nullmailer openssl
    user; messages; maildir /home/alice/Maildir; chown -R alice:alice /home/alice; certificate
    install -o courier -m 600 /run/both.pem /etc/courier/pop3d.pem
    install -d -o courier /run/courier/authdaemon; chown -R courier: /run/courier
    sed -i 's/^authmodulelist=.*/authmodulelist="authpam"/' /etc/courier/authdaemonrc
    authdaemond start 2>>$log || true
    set -a +u; . /etc/courier/pop3d; . /etc/courier/pop3d-ssl; set +a -u
    export POP3AUTH="LOGIN PLAIN" POP3AUTH_TLS="" POP3_TLS_REQUIRED=0 TLS_CERTFILE=/etc/courier/pop3d.pem TLS_PRIVATE_KEYFILE=
    lib=/usr/lib/courier/courier
    options=(-address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup)
    couriertcpd "${options[@]}" "$tls_port" /usr/bin/couriertls -server -tcpd $lib/courierpop3login $lib/courierpop3d Maildir >>$log 2>&1 &
    export POP3_STARTTLS=YES COURIERTLS=/usr/bin/couriertls
    couriertcpd "${options[@]}" "$port" $lib/courierpop3login $lib/courierpop3d Maildir >>$log 2>&1 ;;
  mailutils)
    packages mailutils-pop3d mailutils openssl; user; messages; system_mbox; certificate; chmod 600 key.pem
    popauth --create --output=/run/apop.db --permissions=600 </dev/null >>$log 2>&1 || true
    popauth --add --user=alice --password=secret --file=/run/apop.db --permissions=600 >>$log 2>&1 || true
    cat >/run/pop3d.conf <<CONF
mailbox { mailbox-pattern "/var/mail/\${user}"; }
auth { authentication "generic:system:pam"; authorization "system"; }
logging { syslog no; }
apop-database-file /run/apop.db;
apop-database-safety none;
server 127.0.0.1:$port { tls-mode ondemand; tls { ssl-certificate-file /run/cert.pem; ssl-key-file /run/key.pem; } }
server 127.0.0.1:$tls_port { tls-mode connection; tls { ssl-certificate-file /run/cert.pem; ssl-key-file /run/key.pem; } }
CONF
    /usr/sbin/pop3d --no-config --config-file=/run/pop3d.conf --daemon --foreground >>$log 2>&1 ;;
  popa3d)
    packages popa3d openssl; user; messages; system_mbox; inetd /usr/sbin/popa3d ;;
  solid)
    packages solid-pop3d openssl; user; messages; system_mbox; inetd "$(command -v solid-pop3d || echo /usr/sbin/solid-pop3d)" ;;
  cyrus)
    packages cyrus-pop3d cyrus-imapd cyrus-admin sasl2-bin libsasl2-modules openssl; certificate; chmod 644 key.pem; messages
    cat >/etc/imapd.conf <<CONF
configdirectory: /var/lib/cyrus
partition-default: /var/spool/cyrus/mail
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
lmtpsocket: /run/cyrus/socket/lmtp
idlesocket: /run/cyrus/socket/idle
notifysocket: /run/cyrus/socket/notify
admins: cyrus
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256
allowplaintext: yes
allowapop: yes
virtdomains: no
unixhierarchysep: no
tls_server_cert: /run/cert.pem
tls_server_key: /run/key.pem
CONF
    cat >/etc/cyrus.conf <<CONF
START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
  pop3 cmd="pop3d" listen="127.0.0.1:$port" prefork=0
  pop3s cmd="pop3d -s" listen="127.0.0.1:$tls_port" prefork=0
  imap cmd="imapd" listen="127.0.0.1:$((port + 5000))" prefork=0
}
EVENTS {
}
CONF
    for who in alice cyrus; do echo secret | saslpasswd2 -p -c -u "$(hostname)" $who; echo secret | saslpasswd2 -p -c $who; done
    chown cyrus: /etc/sasldb2
    install -d -o cyrus -g mail /run/cyrus /run/cyrus/proc /run/cyrus/lock /run/cyrus/socket /var/lib/cyrus /var/spool/cyrus/mail
    install -d /run/log.d
    (
      for _ in $(seq 100); do { exec 4<>"/dev/tcp/127.0.0.1/$((port + 5000))"; } 2>/dev/null && break; sleep 0.2; done
      python3 - $((port + 5000)) <<'PY'
import glob, imaplib, sys
admin = imaplib.IMAP4("127.0.0.1", int(sys.argv[1])); admin.login("cyrus", "secret"); admin.create("user.alice"); admin.logout()
alice = imaplib.IMAP4("127.0.0.1", int(sys.argv[1])); alice.login("alice", "secret")
for path in sorted(glob.glob("/run/messages/*.eml")):
    print(alice.append("INBOX", None, None, open(path, "rb").read().replace(b"\n", b"\r\n")), file=open("/run/log", "a"))
PY
    ) >>$log 2>&1 &
    PATH=$PATH:/usr/lib/cyrus/bin /usr/sbin/cyrmaster -D -L /run/cyrus.log >>$log 2>&1 ;;
  nginx | perdition)
    packages dovecot-pop3d openssl; dovecot_at $((port + 1000)) $((port + 1001)); dovecot -c /run/dovecot.conf
    if [ "$name" = perdition ]; then
      packages perdition
      perdition --protocol POP3 --bind_address 127.0.0.1 --listen_port "$port" --outgoing_server 127.0.0.1:$((port + 1000)) \
        --ssl_mode tls_listen --ssl_cert_file /run/cert.pem --ssl_key_file /run/key.pem --ssl_no_cert_verify --no_daemon \
        --log_facility /run/log --no_lookup >>$log 2>&1
    fi
    packages nginx-light libnginx-mod-mail
    cat >/run/nginx.conf <<CONF
load_module modules/ngx_mail_module.so;
pid /run/nginx.pid;
error_log /run/log;
events { }
mail {
  auth_http 127.0.0.1:$((port + 2000))/;
  pop3_auth plain apop cram-md5;
  pop3_capabilities TOP USER UIDL "EXPIRE" "LOGIN-DELAY";
  ssl_certificate /run/cert.pem;
  ssl_certificate_key /run/key.pem;
  server { listen 127.0.0.1:$port; protocol pop3; starttls on; }
  server { listen 127.0.0.1:$tls_port ssl; protocol pop3; }
}
CONF
    python3 - $((port + 2000)) $((port + 1000)) >>$log 2>&1 <<'PY' &
import http.server, sys
class Auth(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ok = self.headers.get("Auth-User") == "alice" and (self.headers.get("Auth-Method") != "plain" or self.headers.get("Auth-Pass") == "secret")
        self.send_response(200)
        self.send_header("Auth-Status", "OK" if ok else "Invalid login or password")
        if ok:
            self.send_header("Auth-Server", "127.0.0.1"); self.send_header("Auth-Port", sys.argv[2]); self.send_header("Auth-Pass", "secret")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Auth).serve_forever()
PY
    nginx -c /run/nginx.conf -g 'daemon off;' >>$log 2>&1 ;;
  inetsim)
    packages inetsim
    install -d /run/inetsim /run/inetsim/report /run/inetsim/logs
    cat >/run/inetsim.conf <<CONF
start_service pop3
start_service pop3s
service_bind_address 127.0.0.1
pop3_bind_port $port
pop3s_bind_port $tls_port
pop3_capability TOP
pop3_capability USER
pop3_capability SASL PLAIN LOGIN CRAM-MD5 CRAM-SHA1
pop3_capability UIDL
pop3_capability IMPLEMENTATION INetSim POP3 server
pop3_enable_apop yes
CONF
    inetsim --config /run/inetsim.conf --log-dir /run/inetsim/logs --report-dir /run/inetsim/report >>$log 2>&1 ;;
  twisted)
    python twisted pyopenssl service_identity
    messages; mkdir -p /run/domain; maildir /run/domain/alice@test
    cat >/run/server.py <<'PY'
import sys
from twisted.internet import reactor
from twisted.mail import mail, maildir
service = mail.MailService()
domain = maildir.MaildirDirdbmDomain(service, "/run/domain")
domain.dbm[b"alice@test"] = b"secret"
service.addDomain(b"test", domain)
reactor.listenTCP(int(sys.argv[1]), service.getPOP3Factory(), interface="127.0.0.1")
reactor.run()
PY
    /run/venv/bin/python /run/server.py "$port" >>$log 2>&1 ;;
  voidpop)
    python voidpop; /run/venv/bin/voidpop --port "$port" >>$log 2>&1 ;;
  fengtang)
    python fengtang
    (
      for _ in $(seq 100); do { exec 4<>"/dev/tcp/127.0.0.1/$((port + 5000))"; } 2>/dev/null && break; sleep 0.2; done
      python3 -c '
import smtplib, sys
for number in range(1, 6):
    with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as server:
        server.sendmail("bob@example.org", ["alice@test"], f"Subject: message {number}\r\nFrom: bob@example.org\r\n\r\n.dot\r\nbody {number}\r\n")' $((port + 5000))
    ) >>$log 2>&1 &
    HOME=/run /run/venv/bin/fengtang serve --host 127.0.0.1 --smtp-port $((port + 5000)) --pop-port "$port" --domain test --user alice@test:secret \
      --no-outbound --db /run/fengtang.db >>$log 2>&1 ;;
  pop3pot)
    python pop3pot
    mkdir -p /run/pot; cd /run/pot; /run/venv/bin/pop3pot init >>$log 2>&1
    sed "s/^#*listen_port *=.*/listen_port = $port/" -i /run/pot/etc/honeypot.cfg
    /run/venv/bin/pop3pot run >>$log 2>&1 ;;
  *)
    echo "unknown server $name" >&2; exit 2 ;;
esac
exit 1
