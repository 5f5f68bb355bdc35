package ui

import "time"

// ConsoleRequests lists requests for assistance, the newest first. Each leads to
// PathConsoleRequest with FieldReference.
type ConsoleRequests struct {
	Requests []ConsoleRequestEntry
	// Next is where the list goes on, with FieldAfter, or empty.
	Next string
}

// ConsoleRequestEntry is one of them.
type ConsoleRequestEntry struct {
	Reference, Subject, From string
	Reach                    string    // an address or a telephone number
	Sent                     time.Time // in the location in which it is to be read
}

// ConsoleRequest shows one request for assistance. Its screenshots are at
// PathConsolePicture, with FieldReference and FieldNumber.
type ConsoleRequest struct {
	Reference string
	Typed     RequestForm
	Refusal   string // the reference of the refusal that it is about, if that is one
	LoggedIn  bool   // whoever sent it was
	ID, Name  string // of who that was, if they may be looked at
	Pictures  int
	// In the location in which they are to be read: when it came, and when it is gone.
	Sent, Until time.Time
}

func (ConsoleRequests) view() view { return view{name: "consoleRequests"} }
func (ConsoleRequest) view() view  { return view{name: "consoleRequest"} }

// Numbers counts the screenshots, from 1 on.
func (p ConsoleRequest) Numbers() []int {
	numbers := make([]int, p.Pictures)
	for i := range numbers {
		numbers[i] = i + 1
	}
	return numbers
}

// TypedGroups are the parts of a ConsoleRequest in which something was typed, as
// whoever answers it asks for them: what it is about first.
func (s *screen) TypedGroups() (groups []requestGroup) {
	p, _ := s.Page.(ConsoleRequest)
	for _, name := range []string{"matter", "refusal", "you", "key"} {
		if boxes := s.typed(&p.Typed, name); len(boxes) > 0 {
			groups = append(groups, requestGroup{Name: name, Heading: s.say("console.request.group." + name), Fields: boxes})
		}
	}
	return groups
}
