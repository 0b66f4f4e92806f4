//! The little of HTTP that a test needs: one request, one answer, every wait bounded.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How long connecting, and every read and write, may take.
pub const LIMIT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// Everything before the body, as text.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Gets a document from a port of this machine, over a connection of its own.
///
/// # Errors
/// When there is no whole answer in time.
pub fn get(port: u16, path: &str) -> Result<Response> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let fetch = || -> Result<Response> {
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parse(&answer)
    };
    fetch().with_context(|| format!("GET http://127.0.0.1:{port}{path}"))
}

/// A TCP port that is free at the moment.
///
/// # Errors
/// When the system gives none.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .with_context(|| format!("{} bytes, and no end of the head", answer.len()))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("no status line: {head}"))?;
    let body = answer[end + 4..].to_vec();
    let promised = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    if let Some(promised) = promised {
        ensure!(
            body.len() == promised,
            "the body has {} bytes, {promised} were promised",
            body.len()
        );
    }
    Ok(Response { status, head, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let good = parse(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").unwrap();
        assert_eq!((good.status, good.text().as_str()), (404, "no"));
        for bad in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno",
            b"FTP\r\n\r\n",
        ] {
            assert!(parse(bad).is_err());
        }
    }
}
