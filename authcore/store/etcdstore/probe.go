package etcdstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"
)

// probeTime bounds what is tried of one member to find out why it does not answer.
const probeTime = 2 * time.Second

// explain adds to the error of an Open what stands between us and the members: of
// that etcd's client says only that its time is over.
func explain(opts Options, err error) error {
	if !errors.Is(err, ErrUnavailable) {
		return err
	}
	why := make([]error, len(opts.Endpoints))
	done := make(chan int)
	for i, endpoint := range opts.Endpoints {
		go func() {
			why[i] = probe(endpoint, opts.TLS)
			done <- i
		}()
	}
	for range opts.Endpoints {
		<-done
	}
	if found := errors.Join(why...); found != nil {
		return fmt.Errorf("%w: %w", err, found)
	}
	return err
}

// probe begins a connection as the client does, and returns what is wrong with it:
// nil where nothing is that can be seen from here.
func probe(endpoint string, with *tls.Config) error {
	at, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	defer conn.Close()
	if at.Scheme == "https" {
		if with == nil {
			with = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		with = with.Clone()
		with.ServerName, with.NextProtos = at.Hostname(), []string{"h2"}
		conn = tls.Client(conn, with)
	}
	if err := greet(conn); err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	return nil
}

// What is wrong where one side speaks TLS, and the other does not.
var (
	errOverTLS = errors.New("it ends what is not TLS: perhaps its address must begin with https://")
	errNoTLS   = errors.New("it ends the connection when TLS begins: perhaps it has none, and its address must begin with http://")
)

// greet begins HTTP/2 (RFC 9113, section 3.4) and reads the first of the answer: a
// server tells only then that it does not like our certificate (RFC 8446, section
// 4.4.2.4). That nothing comes in time says nothing.
func greet(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(probeTime)); err != nil {
		return err
	}
	secure, ok := conn.(*tls.Conn)
	if ok {
		if err := secure.Handshake(); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return errNoTLS
		} else if err != nil {
			return err
		}
	}
	_, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	answer := make([]byte, 7)
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	late, timed := errors.AsType[net.Error](err)
	switch {
	case timed && late.Timeout():
		return nil
	// An alert of TLS (RFC 8446, section 5.1), or what servers written in Go say.
	case !ok && (err != nil || answer[0] == 21 || string(answer) == "HTTP/1."):
		return errOverTLS
	}
	return err
}
