#!/usr/bin/env python3
"""A path of any length to this machine: 10.77.0.2 is 10.77.0.1, and each packet takes MS milliseconds.

    delay.py MS       (as root: it makes a TUN device, and ends with its standard input)"""
import collections, fcntl, os, select, struct, subprocess, sys, time

wait = float(sys.argv[1]) / 1000
tun = os.open('/dev/net/tun', os.O_RDWR)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000
fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH', b'poptalk-delay', IFF_TUN | IFF_NO_PI))
subprocess.run('ip addr add 10.77.0.1 peer 10.77.0.2 dev poptalk-delay && ip link set poptalk-delay up mtu 1500', shell=True, check=True)
print('ready', flush=True)
late = collections.deque()
while True:
    left = None if not late else max(0, late[0][0] - time.monotonic())
    ready = select.select([tun, 0], [], [], left)[0]
    if 0 in ready and not os.read(0, 1):
        break
    if tun in ready:
        packet = os.read(tun, 2048)
        if packet[0] >> 4 == 4:
            # With the addresses exchanged it comes back to this machine, and its checksums still hold.
            late.append((time.monotonic() + wait, packet[:12] + packet[16:20] + packet[12:16] + packet[20:]))
    while late and late[0][0] <= time.monotonic():
        os.write(tun, late.popleft()[1])
