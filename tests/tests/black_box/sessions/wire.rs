//! A request whose body is sent while its answer is read, over HTTP/1.1 by hand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

pub(super) struct Conversation {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    /// Of the answer, decoded, and not taken yet.
    text: String,
    pub(super) status: u16,
    pub(super) head: String,
    over: bool,
}

impl Conversation {
    /// Sends the head of a request and its first chunk.
    pub(super) fn begin(stream: TcpStream, target: &str, headers: &str, first: &[u8]) -> Self {
        let mut writer = stream.try_clone().unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n{headers}\r\n"
        );
        writer.write_all(head.as_bytes()).unwrap();
        let reader = BufReader::new(stream);
        let (text, head) = (String::new(), String::new());
        let mut begun = Self { writer, reader, text, status: 0, head, over: false };
        begun.send(first);
        begun.read_head();
        begun
    }

    fn read_head(&mut self) {
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            self.head += &line;
        }
        self.status = self.head.split(' ').nth(1).unwrap().parse().unwrap();
    }

    /// Sends a chunk; whoever has closed the connection misses it.
    pub(super) fn send(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
        chunk.extend(data);
        chunk.extend(b"\r\n");
        let _ = self.writer.write_all(&chunk);
    }

    /// The body has ended.
    pub(super) fn end(&mut self) {
        let _ = self.writer.write_all(b"0\r\n\r\n");
    }

    /// Reads a chunk of the answer; whether there was one.
    fn read_chunk(&mut self) -> bool {
        let mut size = String::new();
        if self.over || self.reader.read_line(&mut size).unwrap_or(0) == 0 {
            self.over = true;
            return false;
        }
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut data = vec![0; size + 2];
        self.reader.read_exact(&mut data).unwrap();
        self.text += std::str::from_utf8(&data[..size]).unwrap();
        self.over = size == 0;
        !self.over
    }

    /// The next line of the answer, without waiting for more than that.
    pub(super) fn line(&mut self) -> Option<Value> {
        while !self.text.contains('\n') {
            if !self.read_chunk() {
                return None;
            }
        }
        let (line, rest) = self.text.split_once('\n')?;
        let (line, rest) = (serde_json::from_str(line).unwrap(), rest.to_owned());
        self.text = rest;
        Some(line)
    }

    /// All lines up to the end.
    pub(super) fn lines(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// The rest of the answer as it is.
    pub(super) fn rest(&mut self) -> String {
        while self.read_chunk() {}
        std::mem::take(&mut self.text)
    }
}
