//! Messages for JavaScript: subscriptions of an open store, and what has come for each.
//!
//! A message waits in its subscription until JavaScript takes it; the environment is only woken, once
//! for however many. What waits is bounded: a subscription that is never read ends by itself.

use std::collections::{HashMap, VecDeque};

use skeg_engine::{Delivery, Engine, Subscriber, SubscriberId, Topic};
use skeg_io::sync::{Arc, Mutex};

use crate::environment::{Environment, WayBack};
use crate::error::Failure;
use crate::keys::form_of;
use crate::raw::{Frame, Function, Unsuitable, Value};

/// Bytes of messages that may wait for JavaScript.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Bytes of memory that a waiting message takes beside what it says.
const MESSAGE_BYTES: usize = 64;

/// What has come for one subscription.
struct Inbox {
    ring: Arc<WayBack>,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    waiting: VecDeque<Delivery>,
    bytes: usize,
    overflowed: bool,
}

impl Subscriber for Inbox {
    fn deliver(&self, delivery: Delivery) {
        let mut mail = self.mail.lock();
        mail.bytes += bytes_of(&delivery);
        if mail.bytes > WAITING_BYTES_MAX {
            mail.overflowed = true;
            mail.waiting = VecDeque::new();
        }
        if !mail.overflowed {
            mail.waiting.push_back(delivery);
        }
        drop(mail);
        self.ring.notify();
    }
}

fn bytes_of(delivery: &Delivery) -> usize {
    delivery.message.channel.len() + delivery.message.payload.len() + MESSAGE_BYTES
}

impl Mail {
    /// The oldest messages, `most` of them.
    fn take(&mut self, most: usize) -> Vec<Delivery> {
        let count = self.waiting.len().min(most);
        let taken: Vec<Delivery> = self.waiting.drain(..count).collect();
        self.bytes -= taken.iter().map(bytes_of).sum::<usize>();
        taken
    }
}

/// One iterator's subscription.
struct Listening {
    topic: Topic,
    names: Vec<Vec<u8>>,
    id: SubscriberId,
    inbox: Arc<Inbox>,
}

/// The subscriptions of an open store.
pub(crate) struct Subscriptions {
    engine: Engine,
    listening: HashMap<u32, Listening>,
    last: u32,
}

impl Subscriptions {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), listening: HashMap::new(), last: 0 }
    }

    fn begin(&mut self, ring: &Arc<WayBack>, topic: Topic, names: Vec<Vec<u8>>) -> u32 {
        let inbox = Arc::new(Inbox { ring: Arc::clone(ring), mail: Mutex::default() });
        let pubsub = self.engine.pubsub();
        let id = pubsub.new_subscriber();
        let subscriber = Arc::clone(&inbox) as Arc<dyn Subscriber>;
        names.iter().for_each(|name| pubsub.subscribe(topic, name, id, &subscriber));
        self.last = self.last.wrapping_add(1);
        self.listening.insert(self.last, Listening { topic, names, id, inbox });
        self.last
    }

    fn end(&mut self, number: u32) {
        let Some(Listening { topic, names, id, .. }) = self.listening.remove(&number) else {
            return;
        };
        names.iter().for_each(|name| self.engine.pubsub().unsubscribe(topic, name, id));
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        let numbers: Vec<u32> = self.listening.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.end(number));
    }
}

/// `subscribe(handle, kind, names)`: the number of a new subscription. The kind is 0 for channels, 1
/// for patterns.
pub(crate) struct Subscribe;

impl Function<Environment> for Subscribe {
    const NAME: &'static str = "subscribe";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = subscribe(state, frame);
        state.finish(frame, result)
    }
}

fn subscribe<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let topic = if frame.u32(1)? == 0 { Topic::Channel } else { Topic::Pattern };
    let mut names = Vec::new();
    let mut add = |value| {
        let mut name = Vec::new();
        frame.js.append_bytes(value, &mut name)?;
        names.push(name);
        Ok::<(), Failure>(())
    };
    frame.js.each_element(frame.argument(2), &mut add).ok_or(Unsuitable::Type)??;
    let ring = Arc::clone(&state.ring);
    let subscriptions = &mut state.database(frame.u32(0)?)?.subscriptions;
    Ok(frame.js.number(f64::from(subscriptions.begin(&ring, topic, names))))
}

/// `messages(handle, subscription, mode, most)`: the oldest messages that wait: `channel, payload,
/// pattern` one after the other, the pattern `null` for a channel's own. A failure when too much was left
/// waiting.
pub(crate) struct Messages;

impl Function<Environment> for Messages {
    const NAME: &'static str = "messages";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = messages(state, frame);
        state.finish(frame, result)
    }
}

fn messages<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let (js, form, most) = (frame.js, form_of(frame.u32(2)?), frame.u32(3)? as usize);
    let subscriptions = &mut state.database(frame.u32(0)?)?.subscriptions;
    let listening = subscriptions.listening.get(&frame.u32(1)?).ok_or_else(Failure::closed)?;
    let taken = {
        let mut mail = listening.inbox.mail.lock();
        if mail.overflowed {
            return Err(Failure::new("ERR_BUSY", "too many messages were left waiting"));
        }
        mail.take(most)
    };
    let mut values = Vec::with_capacity(taken.len() * 3);
    for Delivery { topic, name, message } in &taken {
        values.push(form.of(js, &message.channel)?);
        values.push(form.of(js, &message.payload)?);
        values.push(match topic {
            Topic::Pattern => form.of(js, name)?,
            Topic::Channel | Topic::ShardChannel => js.null(),
        });
    }
    Ok(js.array(values.into_iter()))
}

/// `unsubscribe(handle, subscription)`.
pub(crate) struct Unsubscribe;

impl Function<Environment> for Unsubscribe {
    const NAME: &'static str = "unsubscribe";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = unsubscribe(state, frame);
        state.finish(frame, result)
    }
}

fn unsubscribe<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let number = frame.u32(1)?;
    state.database(frame.u32(0)?)?.subscriptions.end(number);
    Ok(frame.js.undefined())
}
