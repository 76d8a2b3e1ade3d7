"""uvicorn and FastAPI alone: takes a message, checks its body, keeps nothing, answers.

`python -m bench.references.bare_fastapi PORT`.
"""

import sys
from typing import Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Content(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    content: Content


class Written(BaseModel):
    id: str
    version: int


@app.post("/v1/chats/{chat}/messages", status_code=201)
async def post_message(chat: str, message: Message) -> Written:
    return Written(id=chat, version=len(message.content.text))


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False)
