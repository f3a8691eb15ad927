//! HTTP/1.1 as a client of one server needs it, twice: by httparse around a head that is written
//! once, and by the state machine of ureq-proto.

use std::io::{self, Write};
use std::time::Duration;

use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use ureq_proto::http::Request;

use crate::bare::PUBLISH;
use crate::reply::{BODY, content_length};
use crate::{Result, cpu_time};

/// What CometD 8 on Jetty 12 answers a publish with.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: Jetty(12.0.15)\r\n\
    Date: Sun, 22 Nov 2026 18:50:33 GMT\r\nContent-Type: application/json;charset=UTF-8\r\n\
    Content-Length: 201\r\n\r\n";

/// Prints what either framing costs without a socket, the median of five.
pub(crate) fn compare(n_requests: u32) -> Result<()> {
    let authority = "127.0.0.1:8080";
    let mut template = Template::new(authority);
    let mut proto = Proto::new(authority)?;
    let (mut by_httparse, mut by_ureq_proto) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        by_httparse.push(cost(&mut template, n_requests)?);
        by_ureq_proto.push(cost(&mut proto, n_requests)?);
    }
    let mut out = io::stdout().lock();
    for (name, costs) in [
        ("httparse", &mut by_httparse),
        ("ureq-proto", &mut by_ureq_proto),
    ] {
        costs.sort_by(f64::total_cmp);
        let median = costs[costs.len() / 2];
        writeln!(
            out,
            "{name:<11} {median:7.0} ns of CPU a request and response"
        )?;
    }
    Ok(())
}

/// Bytes of requests, and where responses end.
pub(crate) trait Framing {
    /// Appends a request with this body.
    fn write(&mut self, body: &[u8], output: &mut Vec<u8>) -> Result<()>;

    /// Reads the response at the start of the input: its whole length and that of its body,
    /// or nothing while it is not all there.
    fn read(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>>;
}

/// A head that was written once, and httparse.
pub(crate) struct Template {
    head: Vec<u8>,
}

impl Template {
    pub(crate) fn new(authority: &str) -> Self {
        let head = format!(
            "POST /cometd HTTP/1.1\r\nhost: {authority}\r\nuser-agent: bayeux/0.1.0\r\n\
             content-type: application/json;charset=UTF-8\r\ncontent-length: "
        );
        Self {
            head: head.into_bytes(),
        }
    }
}

impl Framing for Template {
    fn write(&mut self, body: &[u8], output: &mut Vec<u8>) -> Result<()> {
        output.extend_from_slice(&self.head);
        write!(output, "{}\r\n\r\n", body.len())?;
        output.extend_from_slice(body);
        Ok(())
    }

    fn read(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(input)? else {
            return Ok(None);
        };
        if response.code != Some(200) {
            return Err(format!("HTTP status {:?}", response.code).into());
        }
        let end = head + content_length(response.headers)?;
        let Some(content) = input.get(head..end) else {
            return Ok(None);
        };
        body.extend_from_slice(content);
        Ok(Some(end))
    }
}

/// ureq-proto's client: a call for each request.
pub(crate) struct Proto {
    request: Request<()>,
    call: Option<Call<RecvResponse>>,
}

impl Proto {
    pub(crate) fn new(authority: &str) -> Result<Self> {
        let request = Request::post(format!("http://{authority}/cometd"))
            .header("user-agent", "bayeux/0.1.0")
            .header("content-type", "application/json;charset=UTF-8")
            .body(())?;
        Ok(Self {
            request,
            call: None,
        })
    }
}

impl Framing for Proto {
    fn write(&mut self, body: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let mut call = Call::new(self.request.clone())?;
        call.header("content-length", body.len())?;
        let mut call = call.proceed();
        let start = output.len();
        output.resize(start + 512 + body.len(), 0);
        let mut filled = start;
        filled += call.write(&mut output[filled..])?;
        let Some(SendRequestResult::SendBody(mut call)) = call.proceed()? else {
            return Err("the head of the request was not taken".into());
        };
        filled += call.write(body, &mut output[filled..])?.1;
        output.truncate(filled);
        self.call = Some(call.proceed().ok_or("the request was not taken")?);
        Ok(())
    }

    fn read(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>> {
        // Only whole responses are read here: enough to compare, and kinder to ureq-proto.
        let mut call = self.call.take().ok_or("no request was written")?;
        let (head, response) = call.try_response(input, false)?;
        let Some(response) = response else {
            self.call = Some(call);
            return Ok(None);
        };
        if response.status() != 200 {
            return Err(format!("HTTP status {}", response.status()).into());
        }
        let Some(RecvResponseResult::RecvBody(mut call)) = call.proceed() else {
            return Err("a response without a body".into());
        };
        let start = body.len();
        body.resize(start + input.len() - head, 0);
        let (taken, written) = call.read(&input[head..], &mut body[start..])?;
        body.truncate(start + written);
        match call.proceed() {
            Some(RecvBodyResult::Cleanup(call)) if !call.must_close_connection() => {
                Ok(Some(head + taken))
            }
            _ => Err("a response in two parts, or a connection that ends".into()),
        }
    }
}

/// Nanoseconds that a request and its response cost.
fn cost(framing: &mut dyn Framing, n_requests: u32) -> Result<f64> {
    let mut response = RESPONSE.to_vec();
    response.resize(RESPONSE.len() + BODY, b'x');
    let (mut output, mut content) = (Vec::new(), Vec::new());
    let mut exchange = || -> Result<()> {
        output.clear();
        content.clear();
        framing.write(std::hint::black_box(PUBLISH), &mut output)?;
        let length = framing.read(std::hint::black_box(&response), &mut content)?;
        if length != Some(response.len()) || content.len() != BODY {
            return Err("the response was not read".into());
        }
        std::hint::black_box(&output);
        Ok(())
    };
    for _ in 0..n_requests / 10 {
        exchange()?;
    }
    let before = cpu_time()?;
    for _ in 0..n_requests {
        exchange()?;
    }
    let took: Duration = cpu_time()? - before;
    Ok(took.as_secs_f64() * 1e9 / f64::from(n_requests))
}
