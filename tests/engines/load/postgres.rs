//! The load for Postgres, over its own protocol, version 3. Lives here: a client that knows just enough.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use super::{connect, try_connect};
use crate::wait::wait_for;

/// A number that the server reads again when it is told to, and that changes nothing here.
const SETTING: &str = "log_rotation_age";

/// The whole load: tables, an index, a transaction that is taken back, sorting past the memory for it, maintenance.
pub(crate) fn drive(port: u16) {
    // It listens before it takes anybody in.
    let mut client = wait_for("the server to take a client in", || Client::new(connect(port)));
    client.ask("DROP TABLE IF EXISTS t");
    client.ask("CREATE TABLE t (a int, b text)");
    client.ask("INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n");
    client.ask("CREATE INDEX ON t (a)");
    assert_eq!(client.ask("SELECT sum(a) FROM t"), ["200010000"]);
    assert_eq!(client.ask("SELECT a FROM t WHERE a = 777"), ["777"]);
    client.ask("BEGIN");
    assert_eq!(client.ask("DELETE FROM t WHERE a <= 10 RETURNING a").len(), 10);
    client.ask("ROLLBACK");
    client.ask("SET work_mem = '64kB'");
    assert_eq!(client.ask("SELECT count(*) FROM (SELECT * FROM t ORDER BY b, a DESC) s"), ["20000"]);
    client.ask("VACUUM ANALYZE t");
    client.ask("CHECKPOINT");
    for _ in 0..5 {
        let mut fresh = Client::new(connect(port)).expect("the server takes clients in");
        assert_eq!(fresh.ask("SELECT count(*) FROM t"), ["20000"]);
    }
}

/// Writes a setting that the server reads when it is told to.
pub(crate) fn set_generation(port: u16, generation: u32) {
    let mut client = Client::new(connect(port)).expect("the server takes clients in");
    client.ask(&format!("ALTER SYSTEM SET {SETTING} = {generation}"));
}

/// The setting that new clients get, if the server takes them in.
pub(crate) fn generation(port: u16) -> Option<u32> {
    let mut client = Client::new(try_connect(port)?)?;
    let query = format!("SELECT setting FROM pg_settings WHERE name = '{SETTING}'");
    client.ask(&query).first()?.parse().ok()
}

struct Client(BufReader<TcpStream>);

impl Client {
    /// Says who it is; nothing if the server is not ready.
    fn new(stream: TcpStream) -> Option<Self> {
        let mut client = Self(BufReader::new(stream));
        let who = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
        client.send(&[], who)?;
        loop {
            let (kind, _) = client.message()?;
            match kind {
                b'E' => return None,
                b'Z' => return Some(client),
                _ => {}
            }
        }
    }

    /// Asks once, which must succeed; gives the first column of every row.
    fn ask(&mut self, query: &str) -> Vec<String> {
        self.send(b"Q", format!("{query}\0").as_bytes()).expect("the server takes a query");
        let mut rows = Vec::new();
        loop {
            let (kind, body) = self.message().expect("the server answers");
            match kind {
                b'E' => panic!("{query}: {}", String::from_utf8_lossy(&body)),
                b'D' => rows.push(first_column(&body)),
                b'Z' => return rows,
                _ => {}
            }
        }
    }

    fn send(&mut self, kind: &[u8], body: &[u8]) -> Option<()> {
        let length = u32::try_from(body.len() + 4).expect("a message is short").to_be_bytes();
        self.0.get_mut().write_all(&[kind, &length, body].concat()).ok()
    }

    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).ok()?.checked_sub(4)?];
        self.0.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }
}

/// A row is its number of columns, and for each its length and bytes; -1 is NULL.
fn first_column(row: &[u8]) -> String {
    let length = i32::from_be_bytes([row[2], row[3], row[4], row[5]]);
    let bytes = usize::try_from(length).map_or(&row[..0], |length| &row[6..6 + length]);
    String::from_utf8_lossy(bytes).into_owned()
}
