// Package porttest gives tests addresses for servers of theirs to listen on.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The ports lie below those that systems give to clients (32768 and more), so that no
// connection can take one before its server does. A guard, so much higher and held on
// 127.0.0.1, keeps each of them from other tests, of this process or another: two
// servers of Caddy that listen on one port share it, and neither is told.
const (
	first = 10000
	many  = 10000
	guard = many
)

// Address returns an address of the host on which nobody listens, and which no other
// test of this machine is given before this one has ended. It fails the test when
// there is none.
func Address(t testing.TB, host string) string {
	t.Helper()
	for range 100 {
		port := first + rand.N(many)
		held, err := net.Listen("tcp", at("127.0.0.1", port+guard))
		if err != nil {
			continue
		}
		address := at(host, port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = held.Close() // it has taken no connection
			continue
		}
		_ = l.Close() // likewise
		t.Cleanup(func() { _ = held.Close() })
		return address
	}
	t.Fatalf("no port of %s from %d to %d is free", host, first, first+many-1)
	return ""
}

func at(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
