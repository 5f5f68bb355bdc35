package authcore

import "fmt"

// words gives the constants of an enumeration their stable text forms. Index 0
// is the invalid zero value; what is unknown is never mapped to what is known.
type words[T ~uint8] struct {
	what  string
	names []string
}

func (w words[T]) name(v T) string {
	if v == 0 || int(v) >= len(w.names) {
		return fmt.Sprintf("unknown %s %d", w.what, v)
	}
	return w.names[v]
}

func (w words[T]) marshal(v T) ([]byte, error) {
	if v == 0 || int(v) >= len(w.names) {
		return nil, fmt.Errorf("%d is no %s", v, w.what)
	}
	return []byte(w.names[v]), nil
}

func (w words[T]) unmarshal(v *T, b []byte) error {
	for i, name := range w.names {
		if i > 0 && name == string(b) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no %s", b, w.what)
}
