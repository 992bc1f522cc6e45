"""Recorded calls whose texts say whose they are, so that a search of all files finds what is left."""


def text(name, number):
    return f"the marker of {name} {number} " + f"{name} " * 300


def record(recorder, name, number):
    recording = recorder.begin(
        {"messages": [{"role": "user", "content": text(name, number)}]},
        model_asked="cloud/big",
        task=name,
        user=f"user-{name}",
        tags={"row_id": f"{name}{number}"},
    )
    recording.chunk(text(name, number))
    recording.end(response_text=text(name, number))
    return recording.call_id
