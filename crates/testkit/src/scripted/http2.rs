//! The backend's HTTP/2: each stream answered as the script says, frame for frame.

use super::answer::{Act, Ending, Response};
use super::backend::{BODY_MAX, Received, Scripted};
use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The receive windows.
const WINDOW: u32 = 8 << 20;

/// Serves one connection to its end.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(io: T, scripted: Arc<Scripted>) {
    let mut settings = h2::server::Builder::new();
    settings
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(1000);
    let Ok(mut connection) = settings.handshake::<_, Bytes>(io).await else {
        return;
    };
    let (ends, mut end) = mpsc::channel(1);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    streams.spawn(stream(request, respond, Arc::clone(&scripted), ends.clone()));
                }
                // The client is gone, or what it sent is no HTTP/2.
                Some(Err(_)) | None => return,
            },
            Some(reason) = end.recv() => match reason {
                Some(reason) => connection.abrupt_shutdown(Reason::from(reason)),
                None => return,
            },
            _ = streams.join_next(), if !streams.is_empty() => {}
        }
    }
}

/// How a stream ends its connection: with a GOAWAY of this code, or without a word.
type End = mpsc::Sender<Option<u32>>;

async fn stream(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    scripted: Arc<Scripted>,
    ends: End,
) {
    let (head, body) = request.into_parts();
    // A client that takes its request back gets no answer.
    let Some(body) = collect(body).await else {
        return;
    };
    let answer = scripted.answer(Received {
        number: 0,
        at: Instant::now(),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
    });
    tokio::time::sleep(answer.after).await;
    // The end of a connection that has ended is no news.
    match answer.act {
        Act::Respond(response) => drop(send(&mut respond, response).await),
        Act::Reset(code) => respond.send_reset(Reason::from(code)),
        Act::GoAway(code) => drop(ends.send(Some(code)).await),
        Act::Raw(_) => drop(ends.send(None).await),
        Act::Hang => std::future::pending().await,
    }
}

async fn collect(mut body: RecvStream) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.ok()?;
        if whole.len() + piece.len() > BODY_MAX {
            return None;
        }
        whole.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len()).ok()?;
    }
    Some(whole.freeze())
}

async fn send(respond: &mut SendResponse<Bytes>, response: Response) -> Option<()> {
    let mut head = http::Response::builder().status(response.status).body(()).ok()?;
    *head.headers_mut() = headers(&response.headers)?;
    let trailers = headers(&response.trailers)?;
    let whole = response.ending == Ending::Whole;
    let alone = whole && response.body.is_empty() && trailers.is_empty();
    let mut stream = respond.send_response(head, alone).ok()?;
    if alone {
        return Some(());
    }
    if response.ending == Ending::Endless {
        while write(&mut stream, response.body.clone(), false).await.is_some() {}
        return None;
    }
    let last = whole && trailers.is_empty();
    write(&mut stream, response.body, last).await?;
    match response.ending {
        Ending::CutOff => stream.send_reset(Reason::INTERNAL_ERROR),
        Ending::Never => std::future::pending().await,
        Ending::Whole | Ending::Endless if last => {}
        Ending::Whole | Ending::Endless => stream.send_trailers(trailers).ok()?,
    }
    Some(())
}

/// Writes as the client's window allows. Nothing once it wants no more.
async fn write(stream: &mut SendStream<Bytes>, mut bytes: Bytes, last: bool) -> Option<()> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context))
            .await?
            .ok()?;
        let piece = bytes.split_to(room.min(bytes.len()));
        stream.send_data(piece, last && bytes.is_empty()).ok()?;
    }
    Some(())
}

fn headers(list: &[(String, String)]) -> Option<HeaderMap> {
    let pair = |(name, value): &(String, String)| {
        Some((
            HeaderName::try_from(name.as_str()).ok()?,
            HeaderValue::try_from(value.as_str()).ok()?,
        ))
    };
    list.iter().map(pair).collect()
}
