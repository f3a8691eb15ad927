"""client.py URL TRANSPORT: the scenario of ../node/scenario.mjs with aiocometd."""

import asyncio
import sys

from aiocometd_noloop import Client, ConnectionType
from aiocometd_noloop.exceptions import AiocometdException, ServerError

PATIENCE = 20


async def ask(what):
    print(what, flush=True)
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if line != "done\n":
        raise AssertionError(f"the runner could not {what}")


async def receive(client, count):
    """The numbers of the next messages."""
    return [(await asyncio.wait_for(client.receive(), PATIENCE))["data"]["n"] for _ in range(count)]


async def scenario(url, transport):
    client = Client(url, connection_types=ConnectionType(transport), connection_timeout=PATIENCE)
    await client.open()
    await client.subscribe("/room")
    for n in range(3):
        await client.publish("/room", {"n": n})
    received = await receive(client, 3)
    await ask("publish")
    received += await receive(client, 3)
    await client.publish("/room", {"n": 6})
    received += await receive(client, 1)
    assert received == list(range(7)), received

    try:
        await client.publish("/denied/x", {})
        raise AssertionError("a publish that is refused raises nothing")
    except ServerError as error:
        assert "403" in str(error.error), error

    await client.unsubscribe("/room")
    await client.subscribe("/fence")
    await client.publish("/room", {"n": 7})
    await client.publish("/fence", {"n": 0})
    message = await asyncio.wait_for(client.receive(), PATIENCE)
    assert message["channel"] == "/fence", message

    await client.subscribe("/room")
    await ask("lose")
    # It shakes hands and subscribes anew by itself. A publish may come too early.
    found = asyncio.ensure_future(receive(client, 1))
    for _ in range(3 * PATIENCE):
        try:
            await client.publish("/room", {"n": 8})
        except AiocometdException:
            pass
        done, _ = await asyncio.wait([found], timeout=1)
        if done:
            break
    assert found.done(), "no message in a new session"
    assert found.result() == [8], found.result()
    await client.close()


def main():
    try:
        asyncio.run(scenario(*sys.argv[1:]))
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


main()
