"""Answers as vLLM's server does as far as it is asked here; run as a script, it says its port.

A completion takes a moment, and is refused where there is no room for it. After a POST of /forget it knows nothing of
weights, as one that was started by somebody else, and after one of /hang nothing is answered any more.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    forgetful = False
    hanging = False
    weights, room = "default", 64


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if self.path == "/weight_info" and self.server.forgetful:
            return self._answer(404, {"error": "Not Found"})
        answers: dict[str, Any] = {
            "/version": {"version": "0.99.0"},
            "/weight_info": {"weight_version": self.server.weights},
            "/v1/models": {"data": [{"max_model_len": self.server.room}]},
        }
        return self._answer(200, answers.get(self.path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.path == "/v1/completions":
            time.sleep(0.3)
            if len(body["prompt"]) + body["max_tokens"] > self.server.room:
                message = f"This model's maximum context length is {self.server.room} tokens."
                return self._answer(400, {"error": {"message": message, "type": "BadRequestError"}})
            choice = {
                "token_ids": [7] * body["max_tokens"],
                "prompt_token_ids": body["prompt"],
                "logprobs": {"token_logprobs": [0.0] * body["max_tokens"]},
                "finish_reason": "length",
            }
            return self._answer(200, {"choices": [choice]})
        if self.path == "/update_weight_version":
            self.server.weights = body["new_version"]
        self.server.forgetful |= self.path == "/forget"
        self.server.hanging |= self.path == "/hang"
        return self._answer(200, {})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        while self.server.hanging and self.path != "/hang":
            time.sleep(1.0)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *arguments: object) -> None: ...


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
