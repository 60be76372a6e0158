"""A real HTTP receiver and a real SMTP server on this machine, which keep what they were sent and can refuse it."""

import json
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Kept:
    """What arrived; `broken` makes the server refuse."""

    def __init__(self):
        self.got, self.broken, self.port = [], False, 0


@contextmanager
def webhook():
    """Takes Slack's JSON; `got` holds the texts."""
    kept = Kept()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not kept.broken:
                kept.got.append(body["text"])
            self.send_response(500 if kept.broken else 200)
            self.end_headers()
            self.wfile.write(b"secret of the other side")

        def log_message(self, *_):
            """Silent."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler), kept):
        yield kept


@contextmanager
def mail_server():
    """Speaks as much SMTP as a client needs; `got` holds (recipient, message)."""
    kept = Kept()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text):
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self):
            self.say("220 here")
            to = ""
            while line := self.rfile.readline().decode().strip():
                word = line[:4].upper()
                if word == "QUIT":
                    self.say("221 bye")
                    return
                if word == "RCPT":
                    to = line.partition("<")[2].rstrip(">")
                    self.say("550 nobody of that name" if kept.broken else "250 ok")
                elif word == "DATA":
                    self.say("354 go on")
                    lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                    kept.got.append((to, message_from_string("\n".join(lines), policy=policy.default)))
                    self.say("250 taken")
                else:
                    self.say("250 ok")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), kept):
        yield kept


@contextmanager
def mailbox(monkeypatch, recipients):
    """A mail server that alerts are sent to."""
    with mail_server() as kept:
        monkeypatch.setenv("KEEPFIT_ALERT_SMTP", f"smtp+plain://127.0.0.1:{kept.port}")
        monkeypatch.setenv("KEEPFIT_ALERT_FROM", "keepfit@example.org")
        monkeypatch.setenv("KEEPFIT_ALERT_TO", recipients)
        yield kept


@contextmanager
def _serving(server, kept):
    server.daemon_threads = True
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
