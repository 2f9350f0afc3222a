"""langgraph: a graph of a model and its tools, with langchain-openai's `ChatOpenAI`, compiled once for all turns.

The fast path: `StateGraph` with `ToolNode`, the graph that its guide builds for an agent, without a checkpointer, as no
turn goes on where another ended; streamed with ``stream_mode="messages"``, which gives the pieces as they come. Without
tools the graph is the model alone. Tracing to LangSmith is off. The HTTP client is the one it would make itself, of the
openai SDK, but closed in the end.
"""

from contextlib import asynccontextmanager

from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai import DefaultAsyncHttpxClient


def _graph(work, http):
    model = ChatOpenAI(
        model=work.model, base_url=work.base_url, api_key=work.key, stream_usage=True, http_async_client=http
    )
    bound = model.bind_tools(list(work.tools)) if work.tools else model
    system = SystemMessage(work.instructions)

    async def answer(state: MessagesState):
        return {"messages": [await bound.ainvoke([system, *state["messages"]])]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    if work.tools:
        builder.add_node("tools", ToolNode(list(work.tools)))
        builder.add_conditional_edges("answer", tools_condition)
        builder.add_edge("tools", "answer")
    else:
        builder.add_edge("answer", END)
    return builder.compile()


@asynccontextmanager
async def opened(work):
    async with DefaultAsyncHttpxClient() as http:
        graph = _graph(work, http)

        async def ask(first):
            pieces = sent = received = 0
            question = {"messages": [HumanMessage(work.question)]}
            async for message, _ in graph.astream(question, stream_mode="messages"):
                if isinstance(message, AIMessageChunk):
                    if message.content:
                        if not pieces:
                            first()
                        pieces += 1
                    if message.usage_metadata is not None:
                        sent += message.usage_metadata["input_tokens"]
                        received += message.usage_metadata["output_tokens"]
            return pieces, sent, received

        yield ask
