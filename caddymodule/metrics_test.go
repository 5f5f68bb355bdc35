package caddymodule

import (
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	dto "github.com/prometheus/client_model/go"
)

// gathered are the values of the gate's metrics in the running configuration's
// registry, by name and labels.
func gathered(t *testing.T) map[string]float64 {
	t.Helper()
	active := caddy.ActiveContext()
	families, err := active.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			values[f.GetName()+labels(m)] = m.GetCounter().GetValue()
		}
	}
	return values
}

func labels(m *dto.Metric) string {
	var all []string
	for _, l := range m.GetLabel() {
		all = append(all, " "+l.GetName()+"="+l.GetValue())
	}
	slices.Sort(all)
	text := ""
	for _, l := range all {
		text += l
	}
	return text
}

// TestMetrics counts outcomes, over reloads too, and tells nobody who it was.
func TestMetrics(t *testing.T) {
	s := startGate(t, "", "")
	before := gathered(t)
	b := s.loggedIn("edupont")
	s.reload(s.config)
	b.open(s.at("autre", "/"))
	x, a := s.fresh()
	x.submit(a, "identifier", "edupont", "passcode", "000000")
	x, a = s.fresh()
	x.submit(a, "identifier", "edupont", "passcode", "0000"+s.newCode("edupont"))
	after := gathered(t)
	for name, want := range map[string]float64{
		"sesame_answers_total outcome=asked question=passcode":       1,
		"sesame_answers_total outcome=asked question=new-pin":        1,
		"sesame_answers_total outcome=granted question=new-passcode": 1,
		"sesame_answers_total outcome=denied question=passcode":      2,
		"sesame_alerts_total kind=pin-wrong":                         1,
		"sesame_refusals_total kind=forbidden":                       1,
	} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s rose by %v, want %v", name, got, want)
		}
	}
}
