"""200 hostile clients and 10,000 connects against a collector's HTTP server, for SECONDS."""
import random, resource, socket, sys, threading, time, urllib.request
host, port = sys.argv[1].split(":"); seconds = float(sys.argv[2])
where = (host, int(port)); end = time.monotonic() + seconds; done = [0] * 6
def conn():
    s = socket.create_connection(where, timeout=5); return s
def slowloris():
    while time.monotonic() < end:
        try:
            s = conn()
            for c in b"GET / HTTP/1.1\r\nX: " + b"a" * 5000:
                s.send(bytes([c])); time.sleep(0.05)
                if time.monotonic() > end: return
        except OSError: done[0] += 1; time.sleep(.01)
def huge():
    while time.monotonic() < end:
        try:
            s = conn(); s.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000); s.recv(100); s.close()
        except OSError: pass
        done[1] += 1; time.sleep(.05)
def half():
    while time.monotonic() < end:
        try:
            s = conn(); s.sendall(b"GET / HTTP/1.1\r\n"); s.shutdown(socket.SHUT_WR); s.recv(100)
        except OSError: pass
        done[2] += 1; time.sleep(.05)
def slow_reader():
    while time.monotonic() < end:
        try:
            s = conn(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048); s.sendall(b"GET /status.json HTTP/1.1\r\n\r\n")
            while time.monotonic() < end and s.recv(64): time.sleep(.2)
        except OSError: pass
        done[3] += 1; time.sleep(.05)
def connects():
    for _ in range(10_000 // 20):
        try: conn().close()
        except OSError: pass
        done[4] += 1
        if time.monotonic() > end: return
        time.sleep(seconds / 500 * .8)
threads = [threading.Thread(target=f, daemon=True) for f, n in ((slowloris, 60), (huge, 40), (half, 40), (slow_reader, 40), (connects, 20)) for _ in range(n)]
for t in threads: t.start()
scrapes = []
while time.monotonic() < end:
    t = time.monotonic()
    try: urllib.request.urlopen(f"http://{sys.argv[1]}/metrics", timeout=5).read(); scrapes.append(time.monotonic() - t)
    except OSError: scrapes.append(9.)
    time.sleep(.2)
scrapes.sort()
print("hostile: displaced slowloris %d, huge %d, half-closed %d, slow readers %d, connects %d" % tuple(done[:5]))
print("scrapes meanwhile: %d, median %.1f ms, worst %.1f ms" % (len(scrapes), scrapes[len(scrapes)//2]*1e3, scrapes[-1]*1e3))
