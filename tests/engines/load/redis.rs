//! The load for Redis, over its own protocol. Lives here: a client that knows just enough.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::connect;
use crate::wait::wait_for;

/// The whole load: strings, counters, lists, expiry, pipelines, configuration, a snapshot in the foreground and one
/// by a child.
pub(crate) fn drive(port: u16) {
    let mut client = Client(BufReader::new(connect(port)));
    assert_eq!(client.ask(&["PING"]), "+PONG");
    assert_eq!(client.ask(&["FLUSHALL"]), "+OK");
    assert_eq!(client.ask(&["SET", "greeting", "hello"]), "+OK");
    assert_eq!(client.ask(&["GET", "greeting"]), "hello");
    assert_eq!(client.ask(&["INCR", "counter"]), ":1");
    assert_eq!(client.ask(&["LPUSH", "list", "a", "b", "c"]), ":3");
    assert_eq!(client.ask(&["EXPIRE", "greeting", "1000"]), ":1");
    assert_eq!(client.ask(&["CONFIG", "SET", "maxmemory", "100mb"]), "+OK");
    assert_eq!(client.pipeline(&["INCR", "counter"], 200), ":201");
    assert_eq!(client.ask(&["SET", "big", &"x".repeat(1 << 20)]), "+OK");
    assert_eq!(client.ask(&["GET", "big"]).len(), 1 << 20);
    assert_eq!(client.ask(&["UNLINK", "big"]), ":1");
    assert_eq!(client.ask(&["SAVE"]), "+OK");
    assert_eq!(client.ask(&["BGSAVE"]), "+Background saving started");
    wait_for("the background snapshot", || {
        client.ask(&["INFO", "persistence"]).contains("rdb_bgsave_in_progress:0").then_some(())
    });
    assert!(client.ask(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:ok"));
    assert!(client.ask(&["NONSENSE"]).starts_with("-ERR"));
    assert_eq!(client.ask(&["DBSIZE"]), ":3");
}

struct Client(BufReader<TcpStream>);

impl Client {
    /// Asks once; gives a simple reply as it came, a bulk reply as its text.
    fn ask(&mut self, words: &[&str]) -> String {
        self.pipeline(words, 1)
    }

    /// Sends the same command many times before it reads any reply; gives the last.
    fn pipeline(&mut self, words: &[&str], times: usize) -> String {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            write!(command, "${}\r\n{word}\r\n", word.len()).expect("text can be written to");
        }
        self.0.get_mut().write_all(command.repeat(times).as_bytes()).expect("the server takes a command");
        (0..times).map(|_| self.reply()).last().expect("a command is sent at least once")
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server replies");
        assert!(line.ends_with("\r\n"), "the server closed the connection in the middle of a reply: {line:?}");
        let Some(length) = line.strip_prefix('$') else { return line.trim_end().to_owned() };
        let length: usize = length.trim_end().parse().expect("a length is a number");
        let mut text = vec![0; length + "\r\n".len()];
        self.0.read_exact(&mut text).expect("the server sends the whole reply");
        text.truncate(length);
        String::from_utf8(text).expect("the load's replies are text")
    }
}
