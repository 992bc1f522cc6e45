"""Tool calls come back as they were made, however a server numbers them and however it cuts the stream."""

import json

from hypothesis import given
from hypothesis import strategies as st
from support.provider_answers import events

from insource.providers import open_reader

NAMES = st.sampled_from(["look_up", "stock", "stock_of", "f"])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["part", "n", "{"]), st.sampled_from(["P-7", "}", '"', 3, None, {"a": []}]), max_size=3
)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS.map(json.dumps)), min_size=1, max_size=4)


def pieces(data, text):
    """The text in pieces, some of which may be empty."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def interleaved(data, queues):
    """One order of the events in which each queue keeps its own."""
    queues, found = [list(queue) for queue in queues], []
    while queues := [queue for queue in queues if queue]:
        found.append(data.draw(st.sampled_from(queues)).pop(0))
    return found


def read(endpoint, documents):
    reader = open_reader(endpoint, streamed=True)
    reader.feed(events(*documents))
    reader.close()
    return reader.response


def identifier(number):
    return f"call_{number}"


def chat_calls(deltas):
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]} for delta in deltas]
    message = read("chat", chunks)["choices"][0]["message"]
    return [(call.get("id"), call["function"]) for call in message["tool_calls"]]


def made(calls, order=None):
    order = range(len(calls)) if order is None else order
    return [(identifier(n), {"name": calls[n][0], "arguments": calls[n][1]}) for n in order]


def chat_deltas(data, number, name, arguments, *, index, every, blank):
    """The deltas of one call: its id in the first one or in ``every`` one, and ``blank`` ids in between."""
    first, *rest = pieces(data, arguments)
    place = {} if index is None else {"index": index}
    deltas = [
        place | {"id": identifier(number), "type": "function", "function": {"name": name, "arguments": first}}
    ]
    for piece in rest:
        repeated = {"id": identifier(number)} if every else data.draw(st.sampled_from(blank))
        named = data.draw(st.sampled_from([{}, {"name": name}]))
        deltas.append(place | repeated | {"function": {**named, "arguments": piece}})
    return deltas


@given(data=st.data(), calls=CALLS, numbering=st.sampled_from(["own", "zero", "none"]), every=st.booleans())
def test_chat_calls_are_told_apart_by_index_or_id(data, calls, numbering, every):
    queues = [
        chat_deltas(
            data,
            number,
            *call,
            index={"own": number, "zero": 0, "none": None}[numbering],
            every=every,
            blank=[{}, {"id": ""}, {"id": None}],
        )
        for number, call in enumerate(calls)
    ]
    if numbering == "own" or every:  # then each delta says whose it is
        deltas = interleaved(data, queues)
    else:
        deltas = [delta for queue in queues for delta in queue]
    order = list(dict.fromkeys(delta["id"] for delta in deltas if delta.get("id")))
    numbers = [int(one.removeprefix("call_")) for one in order]
    assert chat_calls(deltas) == made(calls, numbers)


@given(calls=CALLS, place=st.sampled_from([{}, {"index": 0}, {"index": 0, "id": ""}]))
def test_whole_chat_calls_without_an_id_stay_apart(calls, place):
    deltas = [place | {"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    assert [said for _, said in chat_calls(deltas)] == [said for _, said in made(calls)]


@given(data=st.data(), calls=CALLS, numbering=st.sampled_from(["own", "zero", "none"]))
def test_anthropic_blocks_are_told_apart_by_their_start(data, calls, numbering):
    queues = []
    for number, (name, arguments) in enumerate(calls):
        place = {"own": {"index": number}, "zero": {"index": 0}, "none": {}}[numbering]
        block = {"type": "tool_use", "id": identifier(number), "name": name, "input": {}}
        queues.append(
            [place | {"type": "content_block_start", "content_block": block}]
            + [
                place
                | {
                    "type": "content_block_delta",
                    "delta": {"type": "input_json_delta", "partial_json": piece},
                }
                for piece in pieces(data, arguments)
            ]
            + [place | {"type": "content_block_stop"}]
        )
    if numbering == "own":
        documents = interleaved(data, queues)
    else:
        documents = [event for queue in queues for event in queue]
    content = read("messages", [{"type": "message_start", "message": {"role": "assistant"}}, *documents])[
        "content"
    ]
    assert [(one["id"], one["name"], one["input"]) for one in content] == [
        (identifier(number), name, json.loads(arguments)) for number, (name, arguments) in enumerate(calls)
    ]


@given(
    data=st.data(),
    calls=CALLS,
    numbering=st.sampled_from(["own", "zero", "none"]),
    ids=st.sampled_from(["kept", "changing", "absent"]),
    closed=st.booleans(),
)
def test_items_of_responses_are_told_apart_by_index_or_id(data, calls, numbering, ids, closed):
    queues = []
    for number, (name, arguments) in enumerate(calls):
        place = {"own": {"output_index": number}, "zero": {"output_index": 0}, "none": {}}[numbering]

        def said(step, number=number):
            return {"kept": f"fc_{number}", "changing": f"fc_{number}_{step}", "absent": ""}[ids]

        item = {"type": "function_call", "call_id": identifier(number), "name": name}
        parts = pieces(data, arguments)
        queue = [
            place | {"type": "response.output_item.added", "item": {**item, "id": said(0), "arguments": ""}}
        ]
        queue += [
            place | {"type": "response.function_call_arguments.delta", "item_id": said(step), "delta": piece}
            for step, piece in enumerate(parts, 1)
        ]
        if closed:
            whole = {**item, "id": said(len(parts) + 1), "arguments": arguments}
            queue.append(place | {"type": "response.output_item.done", "item": whole})
        queues.append(queue)
    told_apart = numbering == "own" or ids == "kept"
    documents = interleaved(data, queues) if told_apart else [event for queue in queues for event in queue]
    output = read("responses", documents)["output"]
    found = {item["call_id"]: (item["name"], item["arguments"]) for item in output}
    assert found == {identifier(number): call for number, call in enumerate(calls)}
    assert len(output) == len(calls)


@given(data=st.data(), calls=CALLS, numbered=st.booleans())
def test_a_new_id_without_a_name_continues_the_call(data, calls, numbered):
    """Some servers give every delta an id of its own."""
    deltas = []
    for number, (name, arguments) in enumerate(calls):
        for at, piece in enumerate(pieces(data, arguments)):
            function = {"arguments": piece} | ({"name": name} if at == 0 else {})
            place = {"index": number} if numbered else {}
            deltas.append(place | {"id": f"call_{len(deltas)}", "function": function})
    assert [said for _, said in chat_calls(deltas)] == [said for _, said in made(calls)]
