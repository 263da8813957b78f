#!/usr/bin/env bash
# Fetches a whole maildrop with a client that others wrote: fetch-all.sh CLIENT MODE FOLDER PORT TLSPORT CA
# CLIENT is curl, mpop, fetchmail, getmail or poplib; MODE is plain, stls or tls; CA is the PEM file to trust and nothing else.
# The server is on 127.0.0.1, its user alice with the password $PASSWORD (wonderland) and $COUNT (9) messages. The messages come to lie in FOLDER/1, FOLDER/2 and
# so on, as the client leaves them; nothing is deleted on the server. Fails where the client is missing or does not succeed.
set -euo pipefail
client=$1 mode=$2 dir=$(cd "$3" && pwd -P) port=$4 tls_port=$5 ca=$6
user=alice password=${PASSWORD:-wonderland} count=${COUNT:-9}

# Makes a program that puts its input into the next file.
save() {
  cat >"$dir/.save" <<'SAVE'
number=1
while [ -e "$1/$number" ]; do number=$((number + 1)); done
cat >"$1/$number"
SAVE
}

need() { command -v "$1" >/dev/null || { echo "$1 is not installed" >&2; exit 1; }; }

curl_() {
  need curl
  case $mode in
    plain) how=(); url=pop3://127.0.0.1:$port ;;
    stls) how=(--ssl-reqd --cacert "$ca"); url=pop3://localhost:$port ;;
    tls) how=(--cacert "$ca"); url=pop3s://localhost:$tls_port ;;
  esac
  curl -q -sS --noproxy '*' --ipv4 "${how[@]}" -u "$user:$password" "$url/[1-$count]" -o "$dir/#1"
}

mpop_() {
  need mpop
  case $mode in
    plain) how=(--host=127.0.0.1 --port="$port" --tls=off) ;;
    stls) how=(--host=localhost --port="$port" --tls=on --tls-starttls=on --tls-trust-file="$ca") ;;
    tls) how=(--host=localhost --port="$tls_port" --tls=on --tls-starttls=off --tls-trust-file="$ca") ;;
  esac
  mkdir -p "$dir/box"/{cur,new,tmp}
  mpop --file=/dev/null "${how[@]}" --auth=user --user="$user" --passwordeval="echo $password" --keep=on --quiet \
    --uidls-file="$dir/.uidls" --received-header=off --delivery=maildir,"$dir/box"
  # The names end in a serial number: TIME.M..P..Q1.HOST
  number=0
  while read -r name; do
    number=$((number + 1))
    mv "$dir/box/new/$name" "$dir/$number"
  done < <(find "$dir/box/new" -type f -printf '%f\n' | sort -V)
  rm -r "$dir/box"
}

fetchmail_() {
  need fetchmail
  case $mode in
    plain) how="port $port" tls='sslproto ""' ;;
    stls) how="port $port" tls="sslproto \"tls1.2+\" sslcertck sslcertfile \"$ca\"" ;;
    tls) how="port $tls_port" tls="ssl sslcertck sslcertfile \"$ca\"" ;;
  esac
  save
  # invisible: no Received field. no stripcr: CRLF stays CRLF.
  printf '%s\n' 'set invisible' \
    "poll localhost protocol pop3 $how username \"$user\" password \"$password\" $tls" \
    "keep fetchall no rewrite no mimedecode no stripcr mda \"sh $dir/.save $dir\"" |
    FETCHMAILHOME=$dir fetchmail -f - --silent --fetchlimit 0 --idfile "$dir/.ids" --pidfile "$dir/.pid"
}

getmail_() {
  need getmail
  case $mode in
    plain) how=("type = SimplePOP3Retriever" "server = 127.0.0.1" "port = $port") ;;
    stls) echo "getmail has no STLS" >&2; exit 1 ;;
    tls) how=("type = SimplePOP3SSLRetriever" "server = localhost" "port = $tls_port" "ca_certs = $ca") ;;
  esac
  mkdir "$dir/.home"
  save
  # Its own way into a maildir is closed to root.
  printf '%s\n' "[retriever]" "${how[@]}" "username = $user" "password = $password" \
    "[destination]" "type = MDA_external" "path = /bin/sh" "arguments = ('$dir/.save', '$dir')" "allow_root_commands = true" \
    "[options]" "read_all = true" "delete = false" "delivered_to = false" "received = false" >"$dir/.home/rc"
  getmail --quiet --getmaildir "$dir/.home" --rcfile "$dir/.home/rc"
}

poplib_() {
  need python3
  python3 - "$mode" "$dir" "$port" "$tls_port" "$ca" "$user" "$password" <<'PYTHON'
import poplib, ssl, sys

mode, folder, port, tls_port, ca, user, password = sys.argv[1:]
poplib._MAXLINE = 1 << 20  # 2048 of its own, too few for a line that other clients take
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
if mode == "tls":
    server = poplib.POP3_SSL("localhost", int(tls_port), context=context)
else:
    server = poplib.POP3("localhost", int(port))
    if mode == "stls":
        server.stls(context)
server.user(user)
server.pass_(password)
for number in range(1, server.stat()[0] + 1):
    _, lines, _ = server.retr(number)
    with open(f"{folder}/{number}", "wb") as file:
        file.write(b"".join(line + b"\r\n" for line in lines))
server.quit()
PYTHON
}

case $mode in plain | stls | tls) ;; *) echo "no mode $mode" >&2; exit 1 ;; esac
case $client in
  curl | mpop | fetchmail | getmail | poplib) "${client}_" ;;
  *) echo "no client $client" >&2; exit 1 ;;
esac
