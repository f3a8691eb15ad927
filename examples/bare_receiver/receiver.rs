//! The loop: what comes is received and counted, and what is due is published.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use preempt_rt::sched::{Scheduler, SchedulerParams};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use serde_json::{Value, json};

use crate::Result;
use crate::session::Session;
use crate::workload::Workload;

/// As many as the engine of `bayeux bench` takes at once.
const EVENTS: usize = 1024;
/// Stands in every delivery, and in nothing else.
const DELIVERY: &[u8] = br#""channel":"/bench/"#;

/// Carries out the load, and says what it cost.
pub(crate) fn run(workload: &Workload) -> Result<Value> {
    // As in the engine of `bayeux bench`: who takes the processor from the server has less a wake.
    let params = SchedulerParams { priority: 0 };
    Scheduler::SCHED_BATCH.with_params(params).set_current()?;
    let mut receiver = Receiver::open(workload)?;
    let n_warmup = workload.n_messages(workload.warmup);
    let n_all = n_warmup + workload.n_messages(workload.duration);
    let started = Instant::now();
    receiver.go_on(started, n_warmup)?;
    let (before, n_before) = (cpu_time()?, receiver.n_received);
    receiver.go_on(started, n_all)?;
    let cpu = cpu_time()? - before;
    let n_arrived = receiver.n_received - n_before;
    let rss = status("VmRSS:")?;

    let n_deliveries =
        |from: usize, to: usize| -> usize { (from..to).map(|it| workload.n_subscribers(it)).sum() };
    let (n_early, n_total) = (n_deliveries(0, n_warmup), n_deliveries(0, n_all));
    let end = Instant::now() + workload.drain;
    while receiver.n_received < n_total && Instant::now() < end {
        receiver.wait(Duration::from_millis(20))?;
    }
    Ok(json!({
        "cpu_seconds": cpu.as_secs_f64(),
        "arrived_in_window": n_arrived,
        "expected": n_total - n_early,
        "received": receiver.n_received.saturating_sub(n_early),
        "lost": n_total.saturating_sub(receiver.n_received),
        "duplicates": receiver.n_received.saturating_sub(n_total),
        "p50_us": null,
        "p99_us": null,
        "max_us": null,
        "rss_mib_end": rss,
        "rss_mib_peak": status("VmHWM:")?,
        "failures": 0,
        "first_failure": "",
    }))
}

struct Receiver<'a> {
    workload: &'a Workload,
    epoll: rustix::fd::OwnedFd,
    sockets: Vec<TcpStream>,
    publisher: Session,
    events: Vec<epoll::Event>,
    input: Vec<u8>,
    /// Deliveries of the whole load.
    n_received: usize,
    /// The next message to publish.
    next: usize,
}

impl<'a> Receiver<'a> {
    fn open(workload: &'a Workload) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut sockets = Vec::new();
        for n in 0..workload.n_clients {
            let session = Session::open(&workload.url, Some(&workload.channel(n)))?;
            sockets.push(session.socket);
        }
        let publisher = Session::open(&workload.url, None)?;
        sockets.push(publisher.socket.try_clone()?);
        for (index, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true)?;
            let data = EventData::new_u64(u64::try_from(index)?);
            // As the engine of `bayeux bench` has it.
            epoll::add(&epoll, socket, data, EventFlags::IN | EventFlags::ET)?;
        }
        Ok(Self {
            workload,
            epoll,
            sockets,
            publisher,
            events: Vec::with_capacity(EVENTS),
            input: vec![0; 64 * 1024],
            n_received: 0,
            next: 0,
        })
    }

    /// Publishes what is due, and receives, until message `end` is due.
    fn go_on(&mut self, started: Instant, end: usize) -> Result<()> {
        loop {
            let until = self.workload.due(self.next.min(end));
            let left = until.saturating_sub(started.elapsed());
            if !left.is_zero() {
                self.wait(left)?;
            } else if self.next < end {
                self.publish()?;
            } else {
                return Ok(());
            }
        }
    }

    fn wait(&mut self, time: Duration) -> Result<()> {
        self.events.clear();
        let time = Timespec::try_from(time)?;
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&time))?;
        for event in &self.events {
            let index = usize::try_from(event.data.u64())?;
            loop {
                match self.sockets[index].read(&mut self.input) {
                    Ok(0) => return Err("the server closed a connection".into()),
                    Ok(length) => {
                        let came = &self.input[..length];
                        let places = came.windows(DELIVERY.len());
                        // Only where the name begins is the rest looked at.
                        let is_delivery = |it: &&[u8]| it[1] == b'c' && *it == DELIVERY;
                        // The publisher gets replies, which name the same channels.
                        if index < self.workload.n_clients {
                            self.n_received += places.filter(is_delivery).count();
                        }
                        if length < self.input.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<()> {
        let messages = (self.next..self.next + self.workload.batch).map(|n| {
            format!(
                r#"{{"channel":"{}","clientId":"{}","id":"{n}","data":{}}}"#,
                self.workload.channel(n),
                self.publisher.client_id,
                self.workload.data(n)
            )
        });
        let text = format!("[{}]", messages.collect::<Vec<_>>().join(","));
        self.next += self.workload.batch;
        // A frame with one text, and a mask that changes nothing.
        let mut frame = vec![0x81];
        match u16::try_from(text.len())? {
            short @ ..126 => frame.push(0x80 | u8::try_from(short)?),
            long => {
                frame.push(0x80 | 126);
                frame.extend(long.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        // It is never more than an empty socket takes.
        Ok(self.publisher.socket.write_all(&frame)?)
    }
}

/// User and system time of this process.
fn cpu_time() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(Duration::try_from(time)?)
}

/// A line of what the system says about this process, in MiB.
fn status(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    let kib: f64 = line
        .and_then(|it| it.split_whitespace().next())
        .ok_or("no such line")?
        .parse()?;
    Ok(kib / 1024.0)
}
