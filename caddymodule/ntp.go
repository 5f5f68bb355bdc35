package caddymodule

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// What a difference to the time server means: codes live for a minute or half of
// one, and the gate looks at few beside the present one.
const (
	clockNear = 2 * time.Second
	clockOff  = 30 * time.Second
)

func (c checkUp) timeServer() finding {
	if c.ntp == "" {
		return fine("not compared: no time server is named (ntp HOST, or --ntp)")
	}
	address, err := timeServerAddress(c.ntp)
	if err != nil {
		return wrong("name another: ntp HOST", "%v", err)
	}
	ahead, err := askTime(c.ctx, address, now)
	if err != nil {
		return warning("see whether UDP to it is let through, or name another: ntp HOST", "%s does not tell the time: %v", c.ntp, err)
	}
	return judgeClock(c.ntp, ahead)
}

func judgeClock(server string, ahead time.Duration) finding {
	const do = "have the machine keep its clock: timedatectl set-ntp true"
	side, off := "ahead of", ahead.Round(time.Millisecond)
	if ahead < 0 {
		side, off = "behind", -off
	}
	switch {
	case off >= clockOff:
		return wrong(do, "the clock is %s %s %s: good codes are refused", off, side, server)
	case off >= clockNear:
		return warning(do, "the clock is %s %s %s", off, side, server)
	}
	return fine("the clock is %s %s %s", off, side, server)
}

// timeServerAddress is a configured HOST or HOST:PORT, with the port of NTP
// (RFC 5905, section 7.2) where there is none.
func timeServerAddress(server string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = server, "123"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || !isHost(host) {
		return "", fmt.Errorf("%q is no name of a host, nor one with a port", server)
	}
	return net.JoinHostPort(host, port), nil
}

const (
	ntpLength = 48
	ntpEpoch  = 2208988800 // from the first day of 1900, in NTP, to that of 1970
)

// askTime asks a time server once, as SNTP does (RFC 5905, section 14), and returns
// how far the clock is ahead of it. The packet tells nothing of this machine: what
// stands for the time of sending is random, and only marks its answer.
func askTime(ctx context.Context, address string, clock func() time.Time) (ahead time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	question := make([]byte, ntpLength)
	question[0] = 4<<3 | 3 // version 4, a client
	_, _ = rand.Read(question[40:])
	sent, began := clock(), time.Now()
	if _, err := conn.Write(question); err != nil {
		return 0, err
	}
	answer := make([]byte, 1024)
	n, err := conn.Read(answer)
	if err != nil {
		return 0, err
	}
	return readTime(question, answer[:n], sent, time.Since(began))
}

// readTime takes the answer to a question that was sent at that time, and travelled
// that long there and back.
func readTime(question, answer []byte, sent time.Time, took time.Duration) (ahead time.Duration, err error) {
	switch {
	case len(answer) < ntpLength || answer[0]&7 != 4:
		return 0, errors.New("what answers is no time server")
	case string(answer[24:32]) != string(question[40:48]):
		return 0, errors.New("the answer is not to what was asked")
	case answer[0]>>6 == 3 || answer[1] == 0 || answer[1] > 15:
		return 0, errors.New("it has no time itself, or does not give it")
	}
	received, left := ntpTime(answer[32:], sent), ntpTime(answer[40:], sent)
	back := sent.Add(took)
	// θ = ((T2 − T1) + (T3 − T4)) / 2 is how far the server is ahead (section 8).
	return -(received.Sub(sent) + left.Sub(back)) / 2, nil
}

// ntpTime reads a timestamp (section 6): seconds and their 2³² parts, in the era of
// 136 years that is nearest to the time of reading.
func ntpTime(b []byte, near time.Time) time.Time {
	seconds, fraction := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	from := int32(seconds - uint32(near.Unix()+ntpEpoch))
	return time.Unix(near.Unix()+int64(from), int64(uint64(fraction)*1e9>>32))
}
