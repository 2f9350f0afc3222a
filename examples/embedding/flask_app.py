"""Agents behind Flask, in a WSGI server with threads: ``waitress-serve flask_app:app``.

One runtime for the process, which ends with it. (A server that forks workers must start the host after the fork.)
"""

from flask import Flask, Response, request

import actrio

MODEL = actrio.ScriptedProvider("Hello from Flask.", cycle=True)  # or a name, such as "openai:gpt-5-mini"

host = actrio.Host().start()
writer = host.spawn(actrio.Agent("writer", model=MODEL, concurrency=200))
app = Flask(__name__)


@app.get("/ask")
def ask() -> str:
    """The whole answer."""
    return writer.ask(request.args["question"]).text


@app.get("/stream")
def stream() -> Response:
    """The answer as it comes; the server closes it when its client has left."""
    return Response(writer.run(request.args["question"]).text(), mimetype="text/plain")
