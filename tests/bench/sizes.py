#!/usr/bin/env python3
"""How poptalk grows with what it is given: seconds and peak memory of every mode, at 1, 10, 100, 1000 MiB and at 10 to 100,000 messages.

    tests/bench/sizes.py [messages] [sessions] [console] [--most 1000]

messages  each mode on one message of so many MiB, and scripts that fetch so many messages
sessions  200 sessions at once, 100 messages of 2 KB each: direct from a server in C, through the proxy, and from a recording
console   a message of 1 GiB in the pager: the first screen, the end, memory, and a key press while data comes

Needs what peers.py needs, which starts the server."""
import argparse, fcntl, os, pty, re, select, shutil, signal, socket, struct, subprocess, sys, termios, threading, time

sys.dont_write_bytecode = True
from peers import OURS, PORT, WORK, build, start_server

LOCAL = '127.0.0.1'


def measured(command, text=None, out=subprocess.DEVNULL):
    """Seconds and peak MiB of a program; its exit code must be 0 or 1."""
    hold = [os.path.join(WORK, 'hold'), '-T', '300']
    if text is not None:
        hold += ['-i', text]
    seen = subprocess.run([*hold, '--', *command], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.split()
    if len(seen) != 5 or seen[4] not in '01':
        return None
    return float(seen[0]), float(seen[3]) / 1024


class Serving:
    """`poptalk serve` or `proxy` in the background, on a port of its own choice."""

    def __init__(self, *args):
        self.program = subprocess.Popen([OURS, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = None
        while not found:
            line = self.program.stdout.readline()
            if not line:
                sys.exit(f'{args}: ' + self.program.stderr.read())
            found = re.search(r'127\.0\.0\.1:(\d+)', line)
        self.port = found.group(1)
        threading.Thread(target=self.program.stdout.read, daemon=True).start()
        threading.Thread(target=self.program.stderr.read, daemon=True).start()

    def peak(self):
        with open(f'/proc/{self.program.pid}/status') as status:
            return int(re.search(r'VmHWM:\s+(\d+)', status.read()).group(1)) / 1024

    def stop(self):
        peak = self.peak()
        self.program.send_signal(signal.SIGTERM)
        self.program.wait()
        return peak


def record(path, user, commands, *more):
    shutil.rmtree('log', ignore_errors=True)
    lines = ''.join(command + '\\n' for command in [f'USER {user}', 'PASS secret', *commands, 'QUIT'])
    if os.path.exists(path):
        os.remove(path)
    return measured([OURS, LOCAL, PORT, '--log', path, *more], lines)


def messages(most):
    sizes = [size for size in (1, 10, 100, 1000) if size <= most]
    rows = {}

    def note(mode, size, seen):
        rows.setdefault(mode, {})[size] = f'{seen[0]:.2f} s, {seen[1]:.1f} MiB' if seen else 'failed'

    for size in sizes:
        user, file = f'big{size}', f'{size}.pop3'
        note('script, transcript', size, record(file, user, ['RETR 1']))
        shutil.copyfile(file, 'again.pop3')
        note('lint', size, measured([OURS, 'lint', file]))
        note('show', size, measured([OURS, 'show', file]))
        note('diff of two equal ones', size, measured([OURS, 'diff', file, 'again.pop3']))
        note('redact', size, measured([OURS, 'redact', file, '-o', 'redacted.pop3']))
        if os.path.exists('redacted.pop3'):
            os.remove('redacted.pop3')
        os.environ['POPTALK_PASSWORD'] = 'secret'
        shutil.rmtree('log', ignore_errors=True)
        note('replay', size, measured([OURS, 'replay', file, '--to', f'{LOCAL}:{PORT}', '--log', 'log']))
        shutil.rmtree('log', ignore_errors=True)
        fetch = f'USER {user}\\nPASS secret\\nRETR 1\\nQUIT\\n'
        for mode, args in (('serve FILE', ['serve', file, '--loose']), ('proxy', ['proxy', f'{LOCAL}:{PORT}', '--listen', f'{LOCAL}:0', '--log', 'proxied'])):
            serving = Serving(*args)
            seen = measured([OURS, '--no-log', LOCAL, serving.port], fetch)
            peak = serving.stop()
            note(mode, size, seen and (seen[0], peak))
            shutil.rmtree('proxied', ignore_errors=True)
        for name in (file, 'again.pop3'):
            os.remove(name)
    print('### One message of so many MiB\n\n| | ' + ' | '.join(f'{size} MiB' for size in sizes) + ' |\n|---|' + '---|' * len(sizes))
    for mode, seen in rows.items():
        print(f'| {mode} | ' + ' | '.join(seen.get(size, '') for size in sizes) + ' |')
    counts = [10, 100, 1000, 10_000, 100_000]
    print('\n### So many messages of 2 KB on one connection\n\n| | ' + ' | '.join(f'{count:,}' for count in counts) + ' |\n|---|' + '---|' * len(counts))
    for mode, more in (('lock-step', []), ('`--pipeline`', ['--pipeline'])):
        row = []
        for count in counts:
            with open('session', 'w') as file:
                # The server has 10,000; beyond that they are fetched again.
                file.write('USER many\nPASS secret\n' + ''.join(f'RETR {number % 10_000 + 1}\n' for number in range(count)) + 'QUIT\n')
            shutil.rmtree('log', ignore_errors=True)
            os.makedirs('log')
            seen = measured(['sh', '-c', ' '.join(['exec', OURS, LOCAL, PORT, '--log', 'log', *more, '< session'])])
            row.append(f'{seen[0]:.3f} s, {seen[1]:.1f} MiB' if seen else 'failed')
        print(f'| {mode} | ' + ' | '.join(row) + ' |')
    shutil.rmtree('log', ignore_errors=True)
    print(flush=True)


def fetch_all(port, count, results, user, password):
    """One session: `count` messages, one after the other; how long each took at most, and whether all came."""
    slowest, octets = 0.0, 0
    with socket.create_connection((LOCAL, int(port)), timeout=60) as peer:
        file = peer.makefile('rwb')

        def ask(line):
            file.write(line + b'\r\n')
            file.flush()
            return file.readline()

        file.readline()
        ask(b'USER ' + user), ask(b'PASS ' + password)
        for _ in range(count):
            begun = time.monotonic()
            assert ask(b'RETR 1').startswith(b'+OK')
            while (line := file.readline()) != b'.\r\n':
                assert line
                octets += len(line)
            slowest = max(slowest, time.monotonic() - begun)
        ask(b'QUIT')
    results.append((slowest, octets))


def sessions():
    print('### 200 sessions at once, 100 messages each\n\n| | seconds | sessions whole | slowest message, s | peak MiB |\n|---|---|---|---|---|')
    # The practice server gives a maildrop to one session at a time (RFC 1939 §4); a recording knows no locks.
    record('one.pop3', 'many', ['RETR 1'])
    played = Serving('serve', 'one.pop3', '--loose', '--listen', f'{LOCAL}:0')
    proxy = Serving('proxy', f'{LOCAL}:{PORT}', '--listen', f'{LOCAL}:0', '--log', 'proxied')
    for name, port, serving, user, password in (
            ('the server in C, direct', PORT, None, b'many', b'secret'),
            ('the same through `proxy`', proxy.port, proxy, b'many', b'secret'),
            ('`serve` of a recording', played.port, played, b'many', b'secret')):
        results, begun = [], time.monotonic()
        threads = [threading.Thread(target=fetch_all, args=(port, 100, results, user, password)) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.monotonic() - begun
        peak = f'{serving.peak():.1f}' if serving else ''
        print(f'| {name} | {taken:.1f} | {len(results)} of 200 | {max(slowest for slowest, _ in results):.2f} | {peak} |', flush=True)
    played.stop(), proxy.stop()
    shutil.rmtree('proxied', ignore_errors=True)
    print()


class Screen:
    """poptalk in a pseudo-terminal; what it writes is only searched for words."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ['TERM'] = 'xterm'
            os.execv(OURS, [OURS, *args])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.last = b''

    def wait(self, *words, limit=120):
        """Until one of these words comes; its index and the seconds."""
        begun = time.monotonic()
        while True:
            for index, word in enumerate(words):
                if word in self.last:
                    self.last = self.last.split(word, 1)[1]
                    return index, time.monotonic() - begun
            left = limit - (time.monotonic() - begun)
            ready, _, _ = select.select([self.fd], [], [], max(left, 0))
            if not ready:
                sys.exit(f'no {words} on the screen: {self.last[-300:]}')
            self.last = (self.last + os.read(self.fd, 65536))[-65536:]

    def press(self, keys):
        os.write(self.fd, keys)

    def peak(self):
        with open(f'/proc/{self.pid}/status') as status:
            return int(re.search(r'VmHWM:\s+(\d+)', status.read()).group(1)) / 1024


def console(size=1024):
    home = os.path.join(WORK, 'home')
    os.makedirs(home, exist_ok=True)
    os.environ['HOME'] = home
    log = os.path.join(home, 'console.pop3')
    if os.path.exists(log):
        os.remove(log)
    screen = Screen(LOCAL, PORT, '--log', log)
    screen.wait(b'auth>')
    screen.press(f'user big{size}\rpass secret\r'.encode())
    screen.wait(b'trans>')
    screen.press(b'retr 1\r')
    begun = time.monotonic()
    screen.wait(b'lines 1-')
    first, came = time.monotonic() - begun, os.path.getsize(log) / 1024 / 1024
    # Keys while data comes: each moves one line, and the status line tells.
    presses = []
    for number in range(2, 22):
        time.sleep(0.02)
        screen.press(b'j')
        presses.append(screen.wait(f'lines {number}-'.encode())[1])
        if os.path.getsize(log) > 0.9 * size * 1024 * 1024:
            break
    while True:
        before = os.path.getsize(log)
        time.sleep(0.05)
        if os.path.getsize(log) == before and before > size * 1024 * 1024:
            break
    whole = time.monotonic() - begun
    screen.press(b'G')
    _, to_end = screen.wait(b'  end ')
    peak = screen.peak()
    screen.press(b'q')
    screen.wait(b'trans>')
    screen.press(b'quit\r')
    os.waitpid(screen.pid, 0)
    os.remove(log)
    print(f'### A message of {size} MiB in the pager, transcript on\n\n| | |\n|---|---|')
    print(f'| first screen | {first * 1000:.0f} ms, after {100 * came / size:.2f} % had come |')
    print(f'| all of it there | {whole:.2f} s, {size / whole:.0f} MiB/s |')
    print(f'| key to screen while it came | {1000 * sorted(presses)[len(presses) // 2]:.1f} ms (median of {len(presses)}), {1000 * max(presses):.1f} ms at most |')
    print(f'| `G` to the end | {to_end * 1000:.0f} ms |')
    print(f'| peak memory | {peak:.1f} MiB |\n', flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('tables', nargs='*', default=['messages', 'sessions', 'console'])
    arguments.add_argument('--most', type=int, default=1000)
    args = arguments.parse_args()
    build()
    server = start_server()
    try:
        if 'messages' in args.tables:
            messages(args.most)
        if 'sessions' in args.tables:
            sessions()
        if 'console' in args.tables:
            console()
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
