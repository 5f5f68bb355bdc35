package caddymodule

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesame-gateway/sesame/authcore"
)

// The collectors are made once, as they outlive configurations; each
// configuration has a registry of its own and takes them up. Their labels are
// outcomes and kinds, never a person, an address or a path.
var (
	answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sesame", Name: "answers_total",
		Help: "Answers typed at a login, by what was asked and how the answer was taken.",
	}, []string{"question", "outcome"})
	refusals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sesame", Name: "refusals_total",
		Help: "Requests refused with a problem page, by its kind.",
	}, []string{"kind"})
	alerts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "sesame", Name: "alerts_total",
		Help: "Audit entries that somebody should look at, by their kind.",
	}, []string{"kind"})
)

// countAlert counts an audit entry that somebody should look at.
func countAlert(k authcore.EventKind) { alerts.WithLabelValues(k.String()).Inc() }

// registerMetrics adds the collectors to a configuration's registry.
func registerMetrics(r *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{answers, refusals, alerts} {
		already := prometheus.AlreadyRegisteredError{}
		if err := r.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
