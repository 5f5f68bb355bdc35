package etcdtest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A Proxy stands between clients and a member, and can lose what passes, as a
// network does that was cut: connections stay open, and nothing is heard.
type Proxy struct {
	URL string // for clients

	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // both sides
	over bool
	up   gate // towards the member
	down gate // towards clients
}

// Proxy starts one in front of the member, which ends with the test.
func (m *Member) Proxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		URL: "http://" + l.Addr().String(), to: strings.TrimPrefix(m.URL, "http://"),
		listener: l, open: map[net.Conn]bool{},
	}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Cut loses all that passes from now on, until Mend.
func (p *Proxy) Cut() { p.up.shut(); p.down.shut() }

// Deafen loses the answers only: what is asked is still done.
func (p *Proxy) Deafen() { p.down.shut() }

// Mend lets everything pass again. What was held up on the way comes late.
func (p *Proxy) Mend() { p.up.open(); p.down.open() }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve passes on one connection.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	member, err := net.Dial("tcp", p.to)
	if err != nil || !p.hold(client, member) {
		return
	}
	defer member.Close()
	defer p.release(client, member)
	p.running.Go(func() {
		p.pass(member, client, &p.up)
		_ = client.Close()
		_ = member.Close()
	})
	p.pass(client, member, &p.down)
}

// pass copies from one side to the other while the way is open.
func (p *Proxy) pass(to io.Writer, from io.Reader, way *gate) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		way.wait()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) hold(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	return !p.over
}

func (p *Proxy) release(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.over = true
	for c := range p.open {
		_ = c.Close() // it may have ended by itself
	}
	p.mu.Unlock()
	p.Mend()
	p.running.Wait()
}

// A gate is passed while it is open. The zero value is.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // nil while it is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

func (g *gate) wait() {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened != nil {
		<-opened
	}
}
