use uio_console::record::{Failure, Record};

use super::*;

/// The messages among `bytes`, in the form that `Debug` gives them.
fn sent(session: &mut Session) -> Vec<String> {
    let mut deframer = Deframer::new();
    let bytes = session.outgoing().to_vec();
    session.sent(bytes.len());
    let mut rest = &bytes[..];
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (used, item) = deframer.next(rest);
        rest = &rest[used..];
        if let Some(payload) = item {
            let message: ToGuest<'_> = frame::decode_payload(payload.unwrap()).unwrap();
            messages.push(format!("{message:?}"));
        }
    }
    messages
}

fn come(session: &mut Session, message: &FromGuest<'_>) -> Result<usize> {
    let mut bytes = [0; MAX_FRAME];
    let len = frame::encode(message, &mut bytes).unwrap();
    let mut count = 0;
    session.receive(&bytes[..len], &mut |_| count += 1)?;
    Ok(count)
}

fn words(argv: &[&str]) -> Vec<Vec<u8>> {
    argv.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

#[test]
fn a_request_from_hello_to_exit() {
    let mut session = Session::new();
    assert_eq!(sent(&mut session), ["Hello { version: 2 }"]);
    let id = session.exec(&words(&["ls", "/"])).unwrap();
    assert_eq!(sent(&mut session).len(), 1);
    assert_eq!(session.stdin(id, b"data"), 0, "no credit yet");
    come(&mut session, &FromGuest::Credit { id, bytes: 3 }).unwrap();
    assert_eq!(session.stdin(id, b"data"), 3);
    session.stdin_end(id);
    session.stdin_end(id);
    session.interrupt(id);
    assert_eq!(sent(&mut session).len(), 3);
    come(&mut session, &FromGuest::Exit { id, status: 0 }).unwrap();
    session.interrupt(id);
    assert!(sent(&mut session).is_empty(), "it has ended");
}

#[test]
fn credit_is_renewed_by_what_came() {
    let mut session = Session::new();
    let id = session.exec(&words(&["cat"])).unwrap();
    sent(&mut session);
    let data = [7; 1000];
    let mut renewed = 0;
    for _ in 0..200 {
        come(&mut session, &FromGuest::Stdout { id, data: &data }).unwrap();
        renewed += sent(&mut session).len();
    }
    assert_eq!(renewed, 200 / RENEWAL.div_ceil(cost(1004)) as usize);
    let other = RequestId(77);
    let failure = Failure::Interrupted;
    come(&mut session, &FromGuest::Failure { id: other, failure }).unwrap();
    let record = Record::Copied { bytes: 1 };
    come(&mut session, &FromGuest::Record { id: other, record }).unwrap();
    assert!(sent(&mut session).is_empty(), "not a request of ours");
}

#[test]
fn what_cannot_be_sent_is_refused_by_name() {
    let mut session = Session::new();
    let long = "x".repeat(MAX_ARG + 1);
    let many = vec!["x"; MAX_ARGS + 1];
    let big = "x".repeat(MAX_ARG);
    for argv in [
        &[][..],
        &["a\0b"],
        &["ls", &long],
        &many,
        &[big.as_str(); 4],
    ] {
        let error = session.exec(&words(argv)).unwrap_err();
        assert_eq!(error.exit_code(), crate::error::exit::USAGE, "{error}");
    }
    sent(&mut session);
    assert!(sent(&mut session).is_empty());
}

#[test]
fn a_closed_or_garbled_session_is_an_error() {
    let mut session = Session::new();
    let reason = uio_console::message::CloseReason::Malformed;
    assert!(matches!(
        come(&mut session, &FromGuest::Closed { reason }),
        Err(Error::Closed(_))
    ));
    let mut session = Session::new();
    assert!(matches!(
        session.receive(&[9, 9, 0], &mut |_| {}),
        Err(Error::Protocol(_))
    ));
}
