package authcore

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// glance is one look at a clock that was moved by wall while passed went by.
type glance struct{ wall, passed time.Duration }

// TestTimeline is the table of what is made of a clock.
func TestTimeline(t *testing.T) {
	const h, m, s = time.Hour, time.Minute, time.Second
	for name, c := range map[string]struct {
		start    time.Duration // after what was kept; none is kept where it is 0
		glances  []glance
		state    ClockState
		believed time.Duration // after the start of the clock
		now      time.Duration
	}{
		"a new store":                     {0, nil, ClockSound, 0, 0},
		"as time goes":                    {0, []glance{{h, h}, {m, m}}, ClockSound, h + m, h + m},
		"three days without a look":       {0, []glance{{72 * h, 72 * h}}, ClockSound, 72 * h, 72 * h},
		"back by two seconds":             {0, []glance{{-2 * s, 0}}, ClockSound, 0, 0},
		"back by three":                   {0, []glance{{-3 * s, 0}}, ClockBehind, 0, 0},
		"back by little, again and again": {0, []glance{{-2 * s, 0}, {-s, 0}}, ClockBehind, 0, 0},
		"back by an hour":                 {0, []glance{{-h, 0}}, ClockBehind, 0, 0},
		"… and time goes on":              {0, []glance{{-h, 0}, {8 * m, 8 * m}}, ClockBehind, 7 * m, 7 * m},
		"… until it has caught up":        {0, []glance{{-h, 0}, {8 * h, 8 * h}}, ClockSound, 7 * h, 7 * h},
		"… or is put right":               {0, []glance{{-h, 0}, {h, 0}}, ClockSound, 0, 0},
		"ahead by an hour":                {0, []glance{{h, 0}}, ClockSound, h, h},
		"ahead by a day":                  {0, []glance{{24 * h, 0}}, ClockSound, 24 * h, 24 * h},
		"ahead by two hours, and back":    {0, []glance{{2 * h, 0}, {-2 * h, 0}}, ClockBehind, 2 * h, 2 * h},
		"ahead by two days":               {0, []glance{{48 * h, 0}}, ClockAhead, 0, 48 * h},
		"… for eight minutes":             {0, []glance{{48 * h, 0}, {8 * m, 8 * m}}, ClockAhead, 7 * m, 48*h + 8*m},
		"… for ten":                       {0, []glance{{48 * h, 0}, {8 * m, 8 * m}, {2 * m, 2 * m}}, ClockSound, 48*h + 10*m, 48*h + 10*m},
		"… and back in time":              {0, []glance{{48 * h, 0}, {8 * m, 8 * m}, {-48 * h, 0}}, ClockSound, 8 * m, 8 * m},
		"… and again ahead":               {0, []glance{{48 * h, 0}, {8 * m, 8 * m}, {48 * h, 0}, {8 * m, 8 * m}}, ClockAhead, 14 * m, 96*h + 16*m},
		"right again after days back":     {0, []glance{{-72 * h, 0}, {72 * h, 0}}, ClockSound, 0, 0},
		"a start":                         {h, nil, ClockSound, 0, 0},
		"a start after the holidays":      {70 * 24 * h, nil, ClockSound, 0, 0},
		"a start in 2090":                 {60 * 365 * 24 * h, nil, ClockAhead, -60 * 365 * 24 * h, 0},
		"a start a second early":          {-s, nil, ClockSound, s, s},
		"a start five minutes early":      {-5 * m, nil, ClockBehind, 5 * m, 5 * m},
		"a start six minutes early":       {-6 * m, nil, ClockEarly, 6 * m, 6 * m},
		"… and two later":                 {-6 * m, []glance{{2 * m, 2 * m}}, ClockBehind, 7*m + 45*s, 7*m + 45*s},
		"a start in 1970":                 {-56 * 365 * 24 * h, []glance{{h, h}}, ClockEarly, 56*365*24*h + 52*m + 30*s, 56*365*24*h + 52*m + 30*s},
		"… put right":                     {-56 * 365 * 24 * h, []glance{{56*365*24*h + m, m}}, ClockSound, 56*365*24*h + m, 56*365*24*h + m},
	} {
		t.Run(name, func(t *testing.T) {
			kept, wall := time.Time{}, benchStart
			if c.start != 0 {
				kept = benchStart.Add(-c.start)
			}
			l := startTimeline(wall, kept)
			for _, g := range c.glances {
				wall = wall.Add(g.wall)
				l = l.look(wall, g.passed)
			}
			if l.state != c.state {
				t.Errorf("the clock is %s, want %s", l.state, c.state)
			}
			if got := l.believed.Sub(benchStart); got != c.believed {
				t.Errorf("believed is %s, want %s", got, c.believed)
			}
			if got := l.now().Sub(benchStart); got != c.now {
				t.Errorf("now is %s, want %s", got, c.now)
			}
			if said := l.String(); (said == "") != (l.state == ClockSound) || said != "" && !strings.Contains(said, l.wall.Format(time.RFC3339)) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// TestTimelineProperties plays clocks that are set at random. What is believed
// never goes back, nor is it later than what the clock said some time, or than
// its start and all that has passed; what is measured by is never before either;
// and a clock that goes as time does is sound in the end.
func TestTimelineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept := time.Time{}
		if rapid.Bool().Draw(t, "kept") {
			kept = benchStart.Add(-drawShift(t, "since the last stop"))
		}
		l := startTimeline(benchStart, kept)
		wall, highest, passed := benchStart, l.now(), time.Duration(0)
		for range rapid.IntRange(0, 40).Draw(t, "looks") {
			step := time.Duration(rapid.Int64Range(0, int64(2*day)).Draw(t, "passes"))
			wall, passed = wall.Add(step), passed+step
			if rapid.IntRange(0, 3).Draw(t, "set") == 0 {
				wall = wall.Add(drawShift(t, "by"))
			}
			before := l
			l = l.look(wall, step)
			highest = latest(highest.Add(step), wall)
			switch {
			case l.believed.Before(before.believed):
				t.Fatalf("believed went back from %s to %s", before.believed, l.believed)
			case l.believed.After(highest):
				t.Fatalf("%s is believed, and no clock was beyond %s", l.believed, highest)
			case l.now().Before(l.believed), l.now().Before(wall):
				t.Fatalf("now is %s, the clock's %s, believed %s", l.now(), wall, l.believed)
			case before.believed.Sub(wall) > clockNoise+step && l.state == ClockSound:
				t.Fatalf("the clock was set back from %s to %s and is sound", before.believed, wall)
			}
		}
		for range 12 * 60 * 366 * 200 { // two hundred years, by steps of an hour
			if l.state == ClockSound {
				return
			}
			wall = wall.Add(time.Hour)
			l = l.look(wall, time.Hour)
		}
		t.Fatalf("the clock never becomes sound: %s", l)
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// drawShift draws by how much somebody sets a clock.
func drawShift(t *rapid.T, label string) time.Duration {
	most := rapid.SampledFrom([]time.Duration{3 * time.Second, 6 * time.Minute, 2 * time.Hour, 3 * day, 365 * day}).Draw(t, label+", about")
	return time.Duration(rapid.Int64Range(-int64(most), int64(most)).Draw(t, label))
}
