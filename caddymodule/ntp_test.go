package caddymodule

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"
)

// putNTP writes a time as NTP does.
func putNTP(b []byte, t time.Time) {
	binary.BigEndian.PutUint32(b, uint32(t.Unix()+ntpEpoch))
	binary.BigEndian.PutUint32(b[4:], uint32(uint64(t.Nanosecond())<<32/1e9))
}

// timeServer answers once as a time server does whose clock is that far ahead of
// ours, but for what change does to the packet.
func timeServer(t *testing.T, ahead time.Duration, change func([]byte) []byte) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 1024)
		n, from, err := conn.ReadFrom(question)
		if err != nil {
			return
		}
		if n != ntpLength || question[0] != 4<<3|3 || strings.Trim(string(question[1:40]), "\x00") != "" {
			t.Errorf("asked with %x", question[:n])
		}
		answer := make([]byte, ntpLength)
		answer[0], answer[1] = 4<<3|4, 2
		copy(answer[24:], question[40:48])
		putNTP(answer[32:], now().Add(ahead))
		putNTP(answer[40:], now().Add(ahead))
		_, _ = conn.WriteTo(change(answer), from)
	}()
	return conn.LocalAddr().String()
}

func asItIs(b []byte) []byte { return b }

func TestAskTime(t *testing.T) {
	for _, off := range []time.Duration{0, time.Minute, -time.Minute, 400 * 24 * time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ahead, err := askTime(ctx, timeServer(t, off, asItIs), now)
		cancel()
		if err != nil || (ahead+off).Abs() > 5*time.Second {
			t.Errorf("a server that is %s ahead: the clock is %s ahead, %v", off, ahead, err)
		}
	}
}

// What is no answer to the question is refused, and not taken for the time.
func TestAskTimeRefuses(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"nothing in it":      func([]byte) []byte { return []byte{} },
		"cut":                func(b []byte) []byte { return b[:40] },
		"a question":         func(b []byte) []byte { b[0] = 4<<3 | 3; return b },
		"to another one":     func(b []byte) []byte { b[24] ^= 1; return b },
		"without a time":     func(b []byte) []byte { b[0] |= 3 << 6; return b },
		"a kiss of death":    func(b []byte) []byte { b[1] = 0; return b },
		"a stratum too high": func(b []byte) []byte { b[1] = 16; return b },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if ahead, err := askTime(ctx, timeServer(t, 0, change), time.Now); err == nil {
			t.Errorf("%s: taken for %s", name, ahead)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := askTime(ctx, silent.LocalAddr().String(), time.Now); err == nil {
		t.Error("silence is taken for an answer")
	}
}

// The way there and back is shared out evenly, and the second era of NTP, from
// February 2036 on, is read as what it is.
func TestReadTime(t *testing.T) {
	for _, sent := range []time.Time{
		time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 5e8, time.UTC),
	} {
		question, answer := make([]byte, ntpLength), make([]byte, ntpLength)
		answer[0], answer[1] = 4<<3|4, 1
		putNTP(answer[32:], sent.Add(3*time.Second+time.Second))
		putNTP(answer[40:], sent.Add(3*time.Second+2*time.Second))
		ahead, err := readTime(question, answer, sent, 3*time.Second)
		if err != nil || (ahead+3*time.Second).Abs() > time.Microsecond {
			t.Errorf("at %s the clock is %s ahead, %v", sent, ahead, err)
		}
	}
}

func TestJudgeClock(t *testing.T) {
	for _, tt := range []struct {
		ahead       time.Duration
		state, says string
	}{
		{0, findingOK, "the clock is 0s ahead of h"},
		{-1999 * time.Millisecond, findingOK, "the clock is 1.999s behind h"},
		{2 * time.Second, findingWarning, "the clock is 2s ahead of h"},
		{-29 * time.Second, findingWarning, "the clock is 29s behind h"},
		{30 * time.Second, findingWrong, "the clock is 30s ahead of h: good codes are refused"},
		{-time.Hour, findingWrong, "the clock is 1h0m0s behind h: good codes are refused"},
	} {
		if f := judgeClock("h", tt.ahead); f.State != tt.state || f.Says != tt.says || (f.Do == "") != (tt.state == findingOK) {
			t.Errorf("%s: %+v", tt.ahead, f)
		}
	}
}

func TestTimeServerAddress(t *testing.T) {
	for server, want := range map[string]string{
		"ntp.example.org": "ntp.example.org:123", "192.0.2.1": "192.0.2.1:123", "ntp.example.org:1123": "ntp.example.org:1123", "[2001:db8::1]:123": "[2001:db8::1]:123",
	} {
		if got, err := timeServerAddress(server); got != want || err != nil {
			t.Errorf("%s: %s, %v", server, got, err)
		}
	}
	for _, server := range []string{"", "a b", "https://ntp.example.org", ":123", "a/b"} {
		if got, err := timeServerAddress(server); err == nil {
			t.Errorf("%q is taken for %s", server, got)
		}
	}
}
