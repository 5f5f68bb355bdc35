package scale

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the tables into docs/scale.md")

const pageFile = "../../docs/scale.md"

// The tables of the page are what the measurement and the simulation say.
func TestThePage(t *testing.T) {
	raw, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	costs := measured(t)
	page := string(raw)
	for _, table := range []struct{ name, text string }{
		{"costs", costTable(costs)}, {"paper", paperTable(costs)}, {"mornings", morningTable(costs)},
	} {
		begin, end := "<!-- "+table.name+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(page, begin)
		was, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("the page has no place for the table of %s", table.name)
		}
		if !alike(was, table.text) && !*update {
			t.Errorf("the page has of %s:\n%s\nand it is:\n%s\ngo test ./authcore/scale -update writes it", table.name, was, table.text)
		}
		page = before + begin + table.text + end + after
	}
	if *update {
		if err := os.WriteFile(pageFile, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var number = regexp.MustCompile(`\d[\d,]*(\.\d+)?`)

// alike reports whether two tables differ by a hundredth of a number or a tenth at
// most: records differ by some bytes from one run to another.
func alike(was, is string) bool {
	a, b := number.FindAllString(was, -1), number.FindAllString(is, -1)
	if number.ReplaceAllLiteralString(was, "") != number.ReplaceAllLiteralString(is, "") || len(a) != len(b) {
		return false
	}
	for i := range a {
		x, err := strconv.ParseFloat(strings.ReplaceAll(a[i], ",", ""), 64)
		y, err2 := strconv.ParseFloat(strings.ReplaceAll(b[i], ",", ""), 64)
		if err != nil || err2 != nil || math.Abs(x-y) > max(x/100, 0.1)+1e-9 {
			return false
		}
	}
	return true
}

func TestAlike(t *testing.T) {
	for _, tt := range []struct {
		was, is string
		want    bool
	}{
		{"| 1,000 | 560 MB |", "| 1,000 | 561 MB |", true},
		{"| 1,000 | 560 MB |", "| 1,000 | 566 MB |", false},
		{"| 2 | 0.3 kB |", "| 2 | 0.4 kB |", true},
		{"| 2 | 0.3 kB |", "| 3 | 0.3 kB |", false},
		{"| 2 | 1.1 GB |", "| 2 | 1.1 MB |", false},
		{"| 2 |", "| 2 | 3 |", false},
	} {
		if got := alike(tt.was, tt.is); got != tt.want {
			t.Errorf("alike(%q, %q) = %v", tt.was, tt.is, got)
		}
	}
}

func costTable(costs map[string]cost) string {
	var b strings.Builder
	b.WriteString("| | commits | records read in them | records written | written | of which audit trail |\n|---|--:|--:|--:|--:|--:|\n")
	for _, act := range acts {
		c := costs[act]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s | %s |\n", act, c.updates, c.reads, c.records, kilobytes(c.bytes), kilobytes(c.kept))
	}
	return b.String()
}

func kilobytes(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1000)
}

// What is reckoned with on paper.
const (
	share      = 0.6  // of the holders log in within the hour
	schoolDays = 180  // a year, with one login each
	monthDays  = 22   // of them at most in thirty days
	overhead   = 1.2  // what etcd takes for a byte of records
	backend    = 8e9  // bytes: what etcd's documentation suggests as the most
	commitsMax = 4000 // a second, of the cluster in the simulation
	gateMax    = hashers * float64(time.Second) / float64(hash)
)

// paper is what so many holders need.
type paper struct {
	logins, commits float64 // a second, at the peak
	gates           int
	standing, year  float64 // bytes: of the holders, and of a year's audit trail
	revisions       float64 // bytes: what is written in the hour, which etcd keeps for that long
}

// clusters are as many as it takes with so much audit trail.
func (p paper) clusters(trail float64) int {
	return int(math.Ceil(max(p.commits/commitsMax, (p.standing+p.revisions+trail)/backend)))
}

func reckon(holders float64, costs map[string]cost) paper {
	day := costs[login].updates + costs[opened].updates
	p := paper{logins: holders * share * 2 / hour.Seconds()}
	// Those who logged in within the last quarter of an hour have a use saved in three
	// minutes each.
	p.commits = p.logins*float64(day) + p.logins*15/3
	p.gates = int(math.Ceil(p.logins/gateMax)) + 1
	p.standing = holders * float64(costs[add].bytes+costs[first].bytes) * overhead
	p.year = holders * schoolDays * float64(costs[login].kept+costs[opened].kept) * overhead
	p.revisions = holders * share * float64(costs[login].bytes+costs[opened].bytes+5*costs[touch].bytes) * overhead
	return p
}

func paperTable(costs map[string]cost) string {
	var b strings.Builder
	b.WriteString("| holders | logins a second | commits a second | gates | the holders | written in the hour | a year's audit trail | clusters | with 30 days of it |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, holders := range []float64{1e3, 1e4, 1e5, 1e7 / 30, 1e6, 1e7} {
		p := reckon(holders, costs)
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %s | %d | %d |\n", thousands(int(holders)), thousands(int(math.Ceil(p.logins))), thousands(int(math.Ceil(p.commits))),
			p.gates, size(p.standing), size(p.revisions), size(p.year), p.clusters(p.year), p.clusters(p.year/schoolDays*monthDays))
	}
	return b.String()
}

// size rounds to two or three digits.
func size(n float64) string {
	switch {
	case n < 1e9:
		return fmt.Sprintf("%.0f MB", n/1e6)
	case n < 1e10:
		return fmt.Sprintf("%.1f GB", n/1e9)
	}
	return fmt.Sprintf("%s GB", thousands(int(n/1e9)))
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return thousands(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// mornings are those of the page: the last one is one of thirty académies, over
// which ten million holders are spread.
var mornings = []morning{
	{10_000, share, 1, embedded},
	{200_000, share, 1, embedded},
	{200_000, share, 2, cluster},
	{500_000, share, 1, cluster},
	{500_000, share, 3, cluster},
	{10_000_000 / 30, share, 3, cluster},
}

func morningTable(costs map[string]cost) string {
	var b strings.Builder
	b.WriteString("| holders | gates | store | answers in the fullest second | commits | the store is busy | a login, median | 99 % | longest | told to come again |\n|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, m := range mornings {
		r := m.run(costs)
		fmt.Fprintf(&b, "| %s | %d | %s | %d | %d | %.0f %% | %s | %s | %s | %s |\n", thousands(m.holders), m.gates, m.name,
			r.peak, r.commits, 100*r.busiest, milliseconds(r.median), milliseconds(r.p99), milliseconds(r.longest), thousands(r.refused))
	}
	return b.String()
}

func milliseconds(d time.Duration) string {
	if d > time.Minute {
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%s ms", thousands(int(d.Round(time.Millisecond).Milliseconds())))
}

// The simulation is the same each time, loses nobody, and is as slow as its parts
// where nobody waits, and worse with fewer gates.
func TestTheSimulation(t *testing.T) {
	costs := measured(t)
	calm := morning{1000, share, 1, embedded}
	a, b := calm.run(costs), calm.run(costs)
	if a != b {
		t.Errorf("a morning was %+v, and then %+v", a, b)
	}
	alone := hash + 2*embedded.commit + time.Duration(costs[login].reads)*embedded.read
	if a.logins != 600 || a.refused != 0 || a.median != alone {
		t.Errorf("a calm morning: %+v; one login takes %v", a, alone)
	}
	few, more := morning{250_000, 1, 1, cluster}.run(costs), morning{250_000, 1, 3, cluster}.run(costs)
	if few.refused == 0 || more.refused > 0 || few.p99 <= more.p99 || few.logins != more.logins {
		t.Errorf("with one gate %+v, with three %+v", few, more)
	}
	if want := 250_000 * 2 / hour.Seconds(); float64(more.peak) < want || float64(more.peak) > 1.5*want {
		t.Errorf("in the fullest second came %d, and %.0f are the mean of the fullest", more.peak, want)
	}
}

// What an act costs must not grow unseen.
func TestCosts(t *testing.T) {
	costs := measured(t)
	if c := costs[request]; c != (cost{}) {
		t.Errorf("a request in session touches the store: %+v", c)
	}
	for act, most := range map[string]int{login: 2, opened: 2, touch: 1, logout: 1, wrong: 1} {
		if c := costs[act]; c.updates != most || c.records == 0 {
			t.Errorf("%s: %+v, want %d commits", act, c, most)
		}
	}
}
