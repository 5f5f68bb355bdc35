package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// behindProxy has the server believe what 127.0.0.1 says of its clients.
func behindProxy(config string) string {
	return strings.Replace(config, "\tpersist_config off\n", "\tpersist_config off\n\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t}\n", 1)
}

// memory is what the server's process holds in memory, and the most that it has held
// since watchMemory (proc(5), VmRSS and VmHWM of status), in MiB.
func (s *server) memory() (now, most int) {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		var kib int
		switch fmt.Sscan(value, &kib); name {
		case "VmRSS":
			now = kib >> 10
		case "VmHWM":
			most = kib >> 10
		}
	}
	return now, most
}

// watchMemory forgets the most that the server has held, and returns what it holds.
func (s *server) watchMemory() int {
	s.t.Helper()
	s.write(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), "5")
	now, _ := s.memory()
	return now
}

// atOnce runs n tasks on so many goroutines.
func atOnce(n, goroutines int, task func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				task(i)
			}
		})
	}
	all.Wait()
}

// TestFloodKeepsNobodyOut: ten thousand guesses at one name, from a thousand
// addresses; meanwhile and behind them its owner opens pages, and logs in with one
// PASSCODE in the browser that they have used before. The server's memory is flat.
func TestFloodKeepsNobodyOut(t *testing.T) {
	s := newServerWith(t, func(s *server) string { return behindProxy(s.caddyfile()) })
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.arrived(h.firstLogin(h.open(s.notes("/"))), s.notes("/"))

	attacker := newBrowser(t)
	form := attacker.open(s.portal("/.sesame/login"))
	// Of ten thousand guesses one in five runs would hit a code of these minutes, and
	// use it up for the owner: luck is not what is tried here.
	near := map[string]bool{}
	for key, n := s.keys[h.id], otp.Step(-20); n <= 20; n++ {
		near[key.Code(key.StepAt(timeNow())+n)] = true
	}
	var counts [1000]atomic.Int64 // by status
	guess := func(i int) {
		code := fmt.Sprintf("%06d", i)
		if near[code] {
			code = fmt.Sprintf("%06d", 500_000+i)
		}
		if near[code] {
			code = fmt.Sprintf("%06d", 700_000+i)
		}
		req := attacker.request(form, "identifier", h.id, "passcode", "0000"+code)
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.%d.%d.7", 18+i%1000/250, i%250))
		p, err := attacker.try(req)
		if err != nil {
			t.Error(err)
			return
		}
		if hasSession(p) || p.status < 400 {
			t.Errorf("a guess opens a session: %d", p.status)
		}
		counts[p.status].Add(1)
	}
	const guesses = 10_000
	began := time.Now()
	atOnce(guesses/5, 16, guess) // after which all is set up that stays
	before := s.watchMemory()
	atOnce(guesses*2/5, 16, func(i int) { guess(guesses/5 + i) })
	h.arrived(h.open(s.notes("/during")), s.notes("/during"))
	atOnce(guesses*2/5, 16, func(i int) { guess(guesses*3/5 + i) })
	after, most := s.memory()
	t.Logf("looked at %d, told to wait %d, later %d; %d MiB before, %d after, %d at most", counts[403].Load(), counts[429].Load(), counts[503].Load(), before, after, most)
	if counts[403].Load()+counts[429].Load()+counts[503].Load() != guesses || counts[503].Load() > guesses/100 {
		t.Error("not every guess was refused, or told to wait")
	}
	// Of blind failures five thousand are looked at, and twenty a second from then on.
	if limit := 5000 + 20*int64(time.Since(began).Seconds()+1); counts[403].Load() > limit {
		t.Errorf("%d guesses were looked at, more than %d", counts[403].Load(), limit)
	}
	if after-before > 32 || most-before > 64 {
		t.Errorf("the memory grew from %d to %d MiB, and was %d", before, after, most)
	}

	h.submit(h.open(s.portal("/.sesame/logout")))
	h.last = max(h.last, s.keys[h.id].StepAt(timeNow())-1)
	p := h.submit(h.open(s.portal("/.sesame/login")), "identifier", h.id, "passcode", pin+h.next())
	if h.at(p, "/"); p.status != http.StatusOK {
		t.Errorf("their owner: %d\n%s", p.status, p.text)
	}
}

// TestHugeInputs: forms, fields, parts, cookies, parameters and JSON in numbers that
// are no person's. Each is answered soon, and costs no memory to speak of.
func TestHugeInputs(t *testing.T) {
	s := newServer(t)
	const form = "application/x-www-form-urlencoded"
	post := func(path, mediaType, body string) func() *http.Request {
		return func() *http.Request {
			req, err := http.NewRequest(http.MethodPost, s.portal(path), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = -1 // in chunks: nothing is known beforehand
			req.Header.Set("Content-Type", mediaType)
			req.Header.Set("Origin", s.portal(""))
			return req
		}
	}
	get := func(address, cookies string) func() *http.Request {
		return func() *http.Request {
			req, err := http.NewRequest(http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Cookie", cookies)
			return req
		}
	}
	cases := map[string]struct {
		least, most int // status
		request     func() *http.Request
	}{
		"100 MiB of a field":             {413, 413, post("/.sesame/login", form, "identifier="+strings.Repeat("a", 100<<20))},
		"a million fields":               {413, 413, post("/.sesame/login", form, strings.Repeat("a=b&", 1e6))},
		"a million escapes":              {413, 413, post("/.sesame/login", form, "identifier="+strings.Repeat("%41", 1e6))},
		"a field as deep as a form":      {400, 403, post("/.sesame/login", form, "a"+strings.Repeat("[b]", 20_000)+"=c")},
		"a hundred thousand parts":       {400, 503, post("/.sesame/assistance", "multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", 1e5)+"--x--\r\n")},
		"a hundred thousand files":       {400, 503, post("/.sesame/assistance", "multipart/form-data; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"screenshot\"; filename=\"a\"\r\n\r\n\r\n", 1e5)+"--x--\r\n")},
		"a part with 20,000 headers":     {400, 503, post("/.sesame/assistance", "multipart/form-data; boundary=x", "--x\r\n"+strings.Repeat("A: b\r\n", 20_000)+"\r\nb\r\n--x--\r\n")},
		"a part with a header of 8 MiB":  {400, 503, post("/.sesame/assistance", "multipart/form-data; boundary=x", "--x\r\nA: "+strings.Repeat("b", 8<<20)+"\r\n\r\nb\r\n--x--\r\n")},
		"a picture of 60 MiB":            {400, 503, post("/.sesame/assistance", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"screenshot\"; filename=\"a\"\r\n\r\n"+strings.Repeat("b", 60<<20)+"\r\n--x--\r\n")},
		"JSON as deep as it is long":     {400, 404, post("/.sesame/passkey/login/options", "application/json", strings.Repeat("[", 30_000))},
		"objects in objects":             {400, 404, post("/.sesame/passkey/login", "application/json", strings.Repeat(`{"a":`, 8000))},
		"JSON of 100 MiB":                {404, 413, post("/.sesame/passkey/login", "application/json", `{"csrf":"`+strings.Repeat("a", 100<<20))},
		"four thousand cookies":          {200, 200, get(s.portal("/.sesame/login"), strings.Repeat("a=;", 4000))},
		"ten thousand cookies":           {431, 431, get(s.portal("/.sesame/login"), strings.Repeat("a=;", 10_000))},
		"a thousand of our cookies":      {200, 200, get(s.portal("/.sesame/login"), strings.Repeat("sesame=A; ", 1000))},
		"our cookies, at an application": {200, 200, get(s.notes("/"), strings.Repeat("sesame=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; ", 250))},
		"a thousand parameters":          {200, 200, get(s.portal("/.sesame/login?"+strings.Repeat("target=x&", 1000)), "")},
		"ten thousand parameters":        {431, 431, get(s.portal("/.sesame/login?"+strings.Repeat("target=x&", 10_000)), "")},
		"a path of 9 KiB":                {200, 200, get(s.notes("/"+strings.Repeat("%2e%2e%2f", 1000)), "")},
		"2 MiB of cookies":               {431, 431, get(s.portal("/.sesame/login"), strings.Repeat("a", 2<<20))},
	}
	before := s.watchMemory()
	for name, tt := range cases {
		atOnce(8, 4, func(int) {
			began := time.Now()
			p, err := newBrowser(t).try(tt.request())
			if took := time.Since(began); err != nil && !strings.Contains(err.Error(), "connection reset") && !strings.Contains(err.Error(), "broken pipe") || took > patience {
				t.Errorf("%s: %v, after %s", name, err, took)
			}
			if err == nil && (p.status < tt.least || p.status > tt.most) {
				t.Errorf("%s: %d, not %d to %d", name, p.status, tt.least, tt.most)
			}
		})
	}
	after, most := s.memory()
	t.Logf("%d MiB before, %d after, %d at most", before, after, most)
	if most-before > 128 { // eight at once of 100 MiB would be more, whatever the collector does
		t.Errorf("the memory grew from %d to %d MiB", before, most)
	}
	if p := newBrowser(t).open(s.portal("/.sesame/login")); p.status != http.StatusOK {
		t.Errorf("then the login's page: %d", p.status)
	}
}
