#!/usr/bin/env python3
"""poptalk beside other programs: whole processes against a server that answers from memory, on the loopback of this machine.

    tests/bench/peers.py [retr] [many] [start] [far] [--mib 1024] [--runs 5] [--only REGEX] [--before BINARY]

retr   RETR of one message of --mib MiB, in cleartext and over TLS
many   10,000 messages of 2 KB on one connection
start  connect, greeting, QUIT, exit
far    from the shell to the greeting over TLS, on a path of 20 ms each way (Linux, as root: delay.py)

All cases of a table run in turn (A B C ... A B C ...), so that a drift of the machine meets all alike; one round before is not
counted. Printed are Markdown tables of medians, the ratio to the case marked as such. Builds what it needs into target/bench: the
release binary, and the C programs beside this file. Programs that are not installed give no row: on Debian,
apt-get install telnet ncat socat curl mpop fetchmail libssl-dev."""
import argparse, os, re, shutil, statistics, subprocess, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, 'target', 'bench')
OURS = os.path.join(WORK, 'poptalk')
PORT, TLS_PORT = '31200', '31201'
BEFORE = None


def run(*command, **more):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)


def build():
    """The release binary, the C programs, a certificate authority and a certificate."""
    run('cargo', 'build', '--release', '--quiet', cwd=ROOT)
    os.makedirs(WORK, exist_ok=True)
    # As an installation copies it: a file straight from the linker lies in memory in small pieces, and starts 0.4 ms later.
    shutil.copy(os.path.join(ROOT, 'target', 'release', 'poptalk'), OURS)
    for name, more in {'server': ['-lssl', '-lcrypto', '-lpthread'], 'hold': ['-static'], 'sink': [], 'quit': []}.items():
        source, program = os.path.join(HERE, name + '.c'), os.path.join(WORK, name)
        if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
            run('cc', '-O2', '-o', program, source, *more)
    os.chdir(WORK)
    if not os.path.exists('cert.pem'):
        key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
        with open('names', 'w') as names:
            names.write('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
        quiet = {'stderr': subprocess.DEVNULL}
        run('openssl', 'req', '-x509', *key, '-days', '3650', '-subj', '/CN=benchmark authority', '-keyout', 'ca.key', '-out', 'ca.pem',
            '-addext', 'basicConstraints=critical,CA:TRUE', **quiet)
        run('openssl', 'req', *key, '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'request.pem', **quiet)
        run('openssl', 'x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '3650',
            '-extfile', 'names', '-out', 'cert.pem', **quiet)
    system = '/etc/ssl/certs/ca-certificates.crt'
    with open('system.pem', 'w') as both:
        both.write(open(system).read() if os.path.exists(system) else '')
        both.write(open('ca.pem').read())


def start_server():
    server = subprocess.Popen([os.path.join(WORK, 'server'), PORT, TLS_PORT, 'cert.pem', 'key.pem', '--log', 'server.log'],
                              stdout=subprocess.PIPE)
    server.stdout.readline()
    return server


class Case:
    """A program to measure: `text` is its standard input, which stays open until it ends unless `shuts`."""

    def __init__(self, name, command, text=None, shuts=False, out='/dev/null', is_reference=False):
        self.name, self.command, self.text, self.shuts, self.out, self.is_reference = name, command, text, shuts, out, is_reference
        self.walls, self.cpus, self.peaks, self.codes, self.trouble = [], [], [], set(), None

    def is_there(self):
        return shutil.which(self.command[0]) is not None

    def once(self, is_counted):
        hold = [os.path.join(WORK, 'hold'), '-o', self.out, '-T', '120']
        if self.text is not None:
            hold += ['-i', self.text]
        if self.shuts:
            hold += ['-c', '1']
        seen = subprocess.run([*hold, '--', *self.command], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.split()
        shutil.rmtree('log', ignore_errors=True)
        if len(seen) != 5 or seen[4] not in '013':
            self.trouble = 'ended with ' + (seen[4] if len(seen) == 5 else 'nothing to tell')
        elif is_counted:
            wall, user, system, peak = map(float, seen[:4])
            self.walls.append(wall)
            self.cpus.append(user + system)
            self.peaks.append(peak / 1024)
            self.codes.add(seen[4])

    def wall(self):
        return statistics.median(self.walls)


def table(title, cases, runs, unit, amount):
    """Runs the cases in turn, and prints a table with `amount` / seconds as `unit`; without an amount, milliseconds."""
    cases = [case for case in cases if case.is_there()]
    for number in range(runs + 1):
        for case in cases:
            if not case.trouble:
                os.makedirs('log', exist_ok=True)
                case.once(number > 0)
    reference = next((case for case in cases if case.is_reference and not case.trouble), None)
    against = f' | times {reference.name}' if reference else ''
    print(f'### {title}\n\n| | {unit}{against} | CPU s | peak MiB |\n|---|{"---|" * (4 if reference else 3)}')
    for case in cases:
        if case.trouble:
            print(f'| {case.name} | {case.trouble} |')
            continue
        value = amount / case.wall() if amount else case.wall() * 1000
        ratio = ''
        if reference:
            faster = reference.wall() / case.wall()
            ratio = f' | {faster:.2f}'
        shown = f'{value:,.0f}' if value >= 100 else f'{value:.1f}'
        print(f'| {case.name} | {shown}{ratio} | {statistics.median(case.cpus):.2f} | {statistics.median(case.peaks):.1f} |')
    print(f'\n{runs} runs each, in turn; load average {os.getloadavg()[0]:.1f}\n', flush=True)


def retr(mib, runs, only):
    user, name = f'big{mib}', 'RETR of one message of %d MiB' % mib
    wire = f'USER {user}\\r\\nPASS secret\\r\\nRETR 1\\r\\nQUIT\\r\\n'
    lines = wire.replace('\\r', '')
    login = ['-sS', '-u', user + ':secret']
    mpop = ['mpop', '--host=localhost', f'--user={user}', '--passwordeval=echo secret', '--auth=user', '--keep=on', '--only-new=off',
            '--uidls-file=uidls', '--delivery=mbox,mail.out', '--quiet', f'--port={PORT}', '--tls=off']
    clear = [
        Case('floor in C, nothing kept', [os.path.join(WORK, 'sink'), PORT, user]),
        Case('`nc`, to /dev/null', ['nc', '127.0.0.1', PORT], wire, shuts=True),
        Case('`nc`, to a file', ['nc', '127.0.0.1', PORT], wire, shuts=True, out='nc.out'),
        Case('telnet, piped', ['telnet', '127.0.0.1', PORT], lines),
        Case('curl, to /dev/null', ['curl', *login, f'pop3://127.0.0.1:{PORT}/1']),
        Case('curl, to a file', ['curl', *login, f'pop3://127.0.0.1:{PORT}/1', '-o', 'curl.out'], is_reference=True),
        Case('mpop, to an mbox', mpop),
        Case('Python poplib', ['python3', os.path.join(HERE, 'poplib_retr.py'), PORT, user, 'plain']),
        Case('**poptalk**, no transcript', [OURS, '--no-log', '127.0.0.1', PORT], lines),
        Case('**poptalk**, transcript', [OURS, '--log', 'log', '127.0.0.1', PORT], lines),
    ]
    table(name, pick(clear, only), runs, 'MiB/s', mib)
    ca = ['--ca', 'ca.pem']
    tls = [
        Case('`openssl s_client -quiet`', ['openssl', 's_client', '-quiet', '-connect', f'127.0.0.1:{TLS_PORT}'], wire),
        Case('socat, to /dev/null', ['socat', '-t', '0.01', '-', f'OPENSSL:localhost:{TLS_PORT},cafile=ca.pem'], wire),
        Case('curl, to /dev/null', ['curl', *login, '--cacert', 'ca.pem', f'pop3s://localhost:{TLS_PORT}/1']),
        Case('curl, to a file', ['curl', *login, '--cacert', 'ca.pem', f'pop3s://localhost:{TLS_PORT}/1', '-o', 'curl.out'],
             is_reference=True),
        Case('**poptalk**, no transcript', [OURS, '--tls', *ca, '--no-log', 'localhost', TLS_PORT], lines),
        Case('**poptalk**, transcript', [OURS, '--tls', *ca, '--log', 'log', 'localhost', TLS_PORT], lines),
    ]
    table(name + ', TLS', pick(tls, only), runs, 'MiB/s', mib)


def many(runs, only, count=10_000):
    commands = ['USER many', 'PASS secret', *(f'RETR {number}' for number in range(1, count + 1)), 'QUIT']
    for name, end in (('session', '\n'), ('session.crlf', '\r\n')):
        with open(name, 'w', newline='') as file:
            file.write(''.join(command + end for command in commands))
    script = lambda *more: ['sh', '-c', ' '.join(['exec', OURS, '127.0.0.1', PORT, *more, '< session'])]
    login = ['-sS', '-u', 'many:secret']
    cases = [
        Case('all at once into `nc`', ['sh', '-c', f'exec nc 127.0.0.1 {PORT} < session.crlf']),
        Case('a raw socket in Python, lock-step', ['python3', os.path.join(HERE, 'lockstep.py'), PORT, str(count)]),
        Case('curl', ['curl', *login, f'pop3://127.0.0.1:{PORT}/[1-{count}]', '-o', '/dev/null'], is_reference=True),
        Case('Python poplib', ['python3', os.path.join(HERE, 'poplib_retr.py'), PORT, 'many', 'plain']),
        Case('**poptalk**, transcript, lock-step', script('--log', 'log')),
        Case('**poptalk**, transcript, `--pipeline`', script('--log', 'log', '--pipeline')),
        Case('**poptalk**, no transcript, `--pipeline`', script('--no-log', '--pipeline')),
    ]
    table('10,000 messages of 2 KB on one connection', pick(cases, only), runs, 'messages/s', count)


def start(runs, only):
    clear = [
        Case('floor in C', [os.path.join(WORK, 'quit'), PORT]),
        Case('`nc`', ['nc', '127.0.0.1', PORT], 'QUIT\\r\\n', shuts=True),
        Case('telnet', ['telnet', '127.0.0.1', PORT], 'QUIT\\n', is_reference=True),
        Case('curl (CAPA USER PASS LIST QUIT)', ['curl', '-sS', '-u', 'alice:secret', f'pop3://127.0.0.1:{PORT}/']),
        Case('**poptalk**, no transcript', [OURS, '--no-log', '127.0.0.1', PORT], 'QUIT\\n'),
        Case('**poptalk**, transcript', [OURS, '--log', 'log', '127.0.0.1', PORT], 'QUIT\\n'),
    ]
    table('Connect, greeting, QUIT, exit', pick(clear, only), max(runs, 30), 'ms', None)
    tls = [
        Case('`openssl s_client -quiet`', ['openssl', 's_client', '-quiet', '-connect', f'127.0.0.1:{TLS_PORT}'], 'QUIT\\r\\n'),
        Case('curl (CAPA USER PASS LIST QUIT)',
             ['curl', '-sS', '-u', 'alice:secret', '--cacert', 'ca.pem', f'pop3s://localhost:{TLS_PORT}/'], is_reference=True),
        Case('**poptalk**, transcript', [OURS, '--tls', '--ca', 'ca.pem', '--log', 'log', 'localhost', TLS_PORT], 'QUIT\\n'),
    ]
    table('Connect, greeting, QUIT, exit, TLS, one authority given', pick(tls, only), max(runs, 30), 'ms', None)
    table("The same with the system's authorities", pick(with_system(TLS_PORT), only), max(runs, 30), 'ms', None)


def with_system(port):
    """The system's authorities and ours, for all alike."""
    trust('system.pem')
    return [
        Case('`openssl s_client -quiet`', ['openssl', 's_client', '-quiet', '-connect', f'localhost:{port}'], 'QUIT\\r\\n'),
        Case('curl (CAPA USER PASS LIST QUIT)', ['curl', '-sS', '-u', 'alice:secret', f'pop3s://localhost:{port}/'], is_reference=True),
        Case('**poptalk**, transcript', [OURS, '--tls', '--log', 'log', 'localhost', port], 'QUIT\\n'),
        Case('**poptalk**, transcript, `--insecure`', [OURS, '--tls', '--insecure', '--log', 'log', 'localhost', port], 'QUIT\\n'),
    ]


def trust(name):
    """OpenSSL looks at the first variable, curl at the second one."""
    os.environ['SSL_CERT_FILE'] = os.environ['CURL_CA_BUNDLE'] = os.path.join(WORK, name)


def far(runs):
    delay = subprocess.Popen(['python3', os.path.join(HERE, 'delay.py'), '20'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if delay.stdout.readline() != b'ready\n':
        raise SystemExit('far: no delayed path; it needs Linux and root')
    there = '10.77.0.2'
    curl = ['curl', '-sS', '-v', '-u', 'alice:secret', '--connect-to', f'localhost:{TLS_PORT}:{there}:{TLS_PORT}', f'pop3s://localhost:{TLS_PORT}/']
    cases = {
        '`openssl s_client -quiet`': ['openssl', 's_client', '-quiet', '-connect', f'{there}:{TLS_PORT}', '-servername', 'localhost'],
        'curl': curl,
        '**poptalk**, transcript': [OURS, '--tls', '--log', 'log', '--connect-to', there, 'localhost', TLS_PORT],
    }
    for title, file in (("the system's authorities", 'system.pem'), ('one authority', 'ca.pem')):
        trust(file)
        times = {name: [] for name in cases}
        for _ in range(runs):
            for name, command in cases.items():
                os.makedirs('log', exist_ok=True)
                times[name].append(until_greeting(command))
                shutil.rmtree('log', ignore_errors=True)
        print(f'### From the shell to the greeting over TLS, 20 ms each way, {title}\n\n| | ms |\n|---|---|')
        for name, seen in times.items():
            print(f'| {name} | {statistics.median(seen) * 1000:.0f} |')
        print(f'\n{runs} runs each, in turn; load average {os.getloadavg()[0]:.1f}\n', flush=True)
    delay.stdin.close()
    delay.wait()


def until_greeting(command):
    begun = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        seen = b''
        while b'+OK' not in seen:
            more = os.read(program.stdout.fileno(), 65536)
            if not more:
                raise SystemExit(f'{command[0]}: no greeting: {seen.decode(errors="replace")}')
            seen += more
        took = time.perf_counter() - begun
        program.kill()
    return took


def pick(cases, only):
    """The wanted cases, each of poptalk's with one of the earlier binary after it."""
    picked = []
    for case in cases:
        if not re.search(only, case.name):
            continue
        picked.append(case)
        if BEFORE and any(OURS in word for word in case.command):
            command = [word.replace(OURS, BEFORE) for word in case.command]
            picked.append(Case(case.name + ', before', command, case.text, case.shuts, case.out))
    return picked


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('tables', nargs='*', default=['retr', 'many', 'start'])
    arguments.add_argument('--mib', type=int, default=1024)
    arguments.add_argument('--runs', type=int, default=5)
    arguments.add_argument('--only', default='')
    arguments.add_argument('--before', help='an earlier binary, to run in turn with this one')
    args = arguments.parse_args()
    if args.before:
        global BEFORE
        BEFORE = os.path.abspath(args.before)
    build()
    server = start_server()
    try:
        if 'retr' in args.tables:
            retr(args.mib, args.runs, args.only)
        if 'many' in args.tables:
            many(args.runs, args.only)
        if 'start' in args.tables:
            start(args.runs, args.only)
        if 'far' in args.tables:
            far(max(args.runs, 15))
    finally:
        server.terminate()
        for name in ('nc.out', 'curl.out', 'mail.out'):
            if os.path.exists(name):
                os.remove(name)


if __name__ == "__main__":
    main()
