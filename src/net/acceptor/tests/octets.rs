//! Octets that come and go slowly, early, late, or not at all.

use super::*;

#[test]
fn a_handshake_survives_octets_that_come_and_go_one_by_one() {
    let (acceptor, pem) = own();
    for version in BOTH {
        let mut client = Client::new(config(&pem, &[version], None));
        client.way.0.borrow_mut().slice = 1;
        let mut inside = client.inside(&acceptor);
        client.tls.writer().write_all(b"QUIT\r\n").unwrap();
        client.go();
        let mut got = [0; 6];
        inside.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"QUIT\r\n");
    }
}

#[test]
fn a_handshake_waits_until_its_octets_can_be_sent() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    client.way.0.borrow_mut().room = 0;
    client.go();
    let mut handshake = acceptor.begin(client.way.clone());
    for _ in 0..10_000 {
        let Handshake::Waiting(half) = handshake else {
            break;
        };
        client.way.0.borrow_mut().room = 1;
        handshake = half.go_on();
        client.go();
    }
    let Handshake::Done(mut inside) = handshake else {
        panic!("the handshake is not over");
    };
    // The tickets that did not fit are sent before anything else.
    client.way.0.borrow_mut().room = usize::MAX;
    inside.write_all(b"+OK\r\n").unwrap();
    client.go();
    assert_eq!(client.got, b"+OK\r\n");
}

#[test]
fn octets_that_come_with_the_end_of_the_handshake_are_kept() {
    let (acceptor, pem) = own();
    for version in BOTH {
        let mut client = Client::new(config(&pem, &[version], None));
        // rustls sends them with its Finished.
        client.tls.writer().write_all(b"CAPA\r\nQUIT\r\n").unwrap();
        let mut inside = client.inside(&acceptor);
        let mut got = [0; 12];
        inside.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"CAPA\r\nQUIT\r\n");
        let error = inside.read(&mut got).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_long_write_loses_nothing_where_the_client_is_slow() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    let mut inside = client.inside(&acceptor);
    let all: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    let (mut rest, mut blocks) = (all.as_slice(), 0);
    client.way.0.borrow_mut().room = 0;
    while !rest.is_empty() {
        match inside.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                client.way.0.borrow_mut().room = 10_000;
                blocks += 1;
            }
        }
        client.go();
    }
    // What was taken is on the wire, not in a buffer.
    assert_eq!(client.got.len(), all.len());
    assert!(client.got == all);
    assert!(blocks >= 30, "{blocks}");
}

#[test]
fn reading_continues_while_a_write_is_blocked() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    let mut inside = client.inside(&acceptor);
    client.way.0.borrow_mut().room = 3;
    assert!(inside.write(b"+OK\r\n").is_err());
    client.tls.writer().write_all(b"NOOP\r\n").unwrap();
    client.go();
    let mut got = [0; 6];
    inside.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"NOOP\r\n");
}

#[test]
fn each_end_sees_the_other_say_that_it_closes() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    let mut inside = client.inside(&acceptor);
    inside.write_all(b"+OK bye\r\n").unwrap();
    inside.notify();
    client.go();
    assert_eq!(client.got, b"+OK bye\r\n");
    assert_eq!(client.tls.reader().read(&mut [0]).unwrap(), 0);

    client.tls.writer().write_all(b"late").unwrap();
    client.tls.send_close_notify();
    client.go();
    let mut got = Vec::new();
    inside.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"late");
}

#[test]
fn a_client_may_end_without_saying_so() {
    let (acceptor, pem) = own();
    let mut client = trusting(&pem);
    let mut inside = client.inside(&acceptor);
    client.tls.writer().write_all(b"QUIT\r\n").unwrap();
    client.go();
    client.way.0.borrow_mut().is_closed = true;
    let mut got = Vec::new();
    inside.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"QUIT\r\n");
}
