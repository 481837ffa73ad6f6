"""How threads speak: bounded channels, subscriptions, and one control over all of them."""

from app.threads.sync.channel import Channel
from app.threads.sync.control import ON_REQUEST, RunControl
from app.threads.sync.looking import wait_in_looks
from app.threads.sync.stream_subscription import StreamSubscription

__all__ = ["ON_REQUEST", "Channel", "RunControl", "StreamSubscription", "wait_in_looks"]
