// The browser's side of the gateway's protocol, and a chat page on it. No build step, no library.

const VERSION = 1;

// One connection, had again when it is lost; `docs/protocol.md` has the rules.
export class Client {
  constructor(url, { onState = () => {}, onStatus = () => {} } = {}) {
    this.url = url;
    this.onState = onState;
    this.onStatus = onStatus;
    this.session = "";
    this.token = "";
    this.requests = new Map(); // request id: {frame, last, sent, said, take}
    this.number = 0;
    this.prefix = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    this.attempt = 0;
    this.connect();
  }

  connect() {
    this.onState("connecting");
    this.ready = false;
    const socket = (this.socket = new WebSocket(this.url));
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.ready = false;
      if (event.code === 1008 || event.code === 4000) {
        this.onState(event.reason || "closed");
        return;
      }
      const delay = Math.min(5000, 100 * 2 ** this.attempt++) * (0.5 + Math.random() / 2);
      this.onState("reconnecting");
      setTimeout(() => this.connect(), delay);
    };
  }

  signIn(token) {
    this.token = token;
    if (this.socket.readyState === WebSocket.OPEN) this.hello();
    else this.connect();
  }

  hello() {
    this.send({ type: "hello", version: VERSION, token: this.token, session: this.session });
  }

  send(frame) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  // Ask an agent; `take` gets every frame of the request, in order, the last of which is `end` or `error`.
  run(agent, text, conversation, take) {
    const request_id = `${this.prefix}-${++this.number}`;
    const frame = { type: "user_message", request_id, agent, text, conversation, on_disconnect: "cancel" };
    this.requests.set(request_id, { frame, last: -1, sent: this.ready, said: [], take });
    if (this.ready) this.send(frame);
    return request_id;
  }

  // Say something about a request, and again over the next connection: it may have been lost with this one.
  say(frame) {
    const request = this.requests.get(frame.request_id);
    if (!request) return;
    request.said.push(frame);
    if (this.ready) this.send(frame);
  }

  sendAll(...frames) {
    for (const frame of frames) this.send(frame);
  }

  take(frame) {
    if (frame.type === "status") return this.welcome(frame);
    const request = this.requests.get(frame.request_id);
    if (!request) {
      if (frame.type === "error" || frame.type === "graceful_disconnect") this.onState(frame.message || frame.reason);
      return;
    }
    if (frame.type === "error" && frame.code === "unknown_request" && request.last < 0) {
      this.sendAll(request.frame, ...request.said); // it was lost on the way
      return;
    }
    if (frame.type === "notice" || frame.type === "gap") {
      if (frame.type === "gap") request.last = frame.first - 1;
      return request.take(frame);
    }
    if (frame.seq !== undefined) {
      if (frame.seq <= request.last) return;
      request.last = frame.seq;
    }
    if (frame.type === "end" || frame.type === "error") this.requests.delete(frame.request_id);
    request.take(frame);
  }

  welcome(status) {
    if (!status.authenticated) {
      if (this.token) this.hello();
      else this.onState("sign in");
      return;
    }
    if (this.session && status.session !== this.session && !this.asked) {
      this.asked = true; // for the session that it had; the answer is another status
      return this.hello();
    }
    this.asked = false;
    const same = this.session === status.session;
    this.session = status.session;
    this.ready = true;
    this.attempt = 0;
    this.onState("connected");
    this.onStatus(status);
    for (const [request_id, request] of this.requests) {
      if (!request.sent) {
        request.sent = true;
        this.sendAll(request.frame, ...request.said);
      } else if (same) {
        this.sendAll({ type: "resume", request_id, after: request.last }, ...request.said);
      } else {
        this.requests.delete(request_id);
        request.take({ type: "error", code: "lost", message: "the server does not remember this request" });
      }
    }
  }
}

// The page

function add(list, kind, text = "") {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  list.append(item);
  list.scrollTop = list.scrollHeight;
  return item;
}

function button(item, label, act) {
  const one = document.createElement("button");
  one.type = "button";
  one.textContent = label;
  one.onclick = () => {
    for (const other of item.querySelectorAll("button")) other.remove();
    act();
  };
  item.append(one);
}

function ask(client, list, agent, text, conversation) {
  add(list, "asked", text);
  let answer = null;
  let thought = null;
  const calls = new Map();
  const call = (frame) => {
    if (!calls.has(frame.call_id)) calls.set(frame.call_id, add(list, "tool", `${frame.name}(${frame.arguments || ""})`));
    return calls.get(frame.call_id);
  };
  const stop = () => answer && answer.classList.remove("running");
  const request_id = client.run(agent, text, conversation, (frame) => {
    switch (frame.type) {
      case "text_chunk":
        answer ??= add(list, "answer running");
        answer.append(frame.text);
        break;
      case "reasoning_chunk":
        thought ??= add(list, "thought");
        thought.append(frame.text);
        break;
      case "step_started":
        stop();
        answer = thought = null;
        break;
      case "answer_restarted":
      case "output_rejected":
        if (answer) answer.textContent = "";
        break;
      case "approval_requested": {
        const item = call(frame);
        button(item, "Approve", () => client.say({ type: "approve", request_id, call_id: frame.call_id }));
        button(item, "Deny", () => client.say({ type: "deny", request_id, call_id: frame.call_id }));
        break;
      }
      case "tool_call_started":
        call(frame);
        break;
      case "tool_call_finished":
        call(frame).append(` → ${frame.outcome === "done" ? frame.text : frame.outcome}`);
        break;
      case "handed_over":
        add(list, "note", `${frame.agent} goes on`);
        break;
      case "gap":
        add(list, "note", "some of the answer was not kept");
        break;
      case "end":
        stop();
        answer ??= add(list, "answer");
        answer.textContent = frame.text || "";
        break;
      case "error":
        stop();
        add(list, "note failed", frame.message || frame.code);
    }
    list.scrollTop = list.scrollHeight;
  });
}

function show(client, status) {
  const main = document.getElementById("agents");
  for (const { name, description } of status.agents || []) {
    if ([...main.children].some((one) => one.dataset.name === name)) continue;
    const section = document.getElementById("agent").content.firstElementChild.cloneNode(true);
    section.dataset.name = name;
    section.querySelector("h2").textContent = name;
    section.querySelector("h2").title = description || "";
    const list = section.querySelector(".talk");
    const conversation = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    section.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      const input = event.target.querySelector("input");
      ask(client, list, name, input.value, conversation);
      input.value = "";
    };
    main.append(section);
  }
}

const state = document.getElementById("state");
if (state) {
  const login = document.getElementById("login");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const client = new Client(`${scheme}://${location.host}/ws`, {
    onState: (words) => {
      state.textContent = words;
      login.hidden = !["sign in", "not authenticated", "not authenticated in time"].includes(words);
    },
    onStatus: (status) => show(client, status),
  });
  login.onsubmit = (event) => {
    event.preventDefault();
    client.signIn(document.getElementById("token").value);
  };
  window.actrio = client;
}
