package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
)

// apiDocument is as much of OpenAPI 3.1 as docs/openapi.json uses.
type apiDocument struct {
	Paths      map[string]map[string]apiOperation `json:"paths"`
	Components struct {
		Parameters map[string]apiParameter `json:"parameters"`
		Responses  map[string]apiResponse  `json:"responses"`
		Schemas    map[string]apiSchema    `json:"schemas"`
	} `json:"components"`
}

type apiOperation struct {
	OperationID string         `json:"operationId"`
	Summary     string         `json:"summary"`
	Parameters  []apiParameter `json:"parameters"`
	RequestBody *struct {
		Content map[string]apiMedia `json:"content"`
	} `json:"requestBody"`
	Responses map[string]apiResponse `json:"responses"`
}

type apiParameter struct {
	Ref  string `json:"$ref"`
	Name string `json:"name"`
	In   string `json:"in"`
}

type apiResponse struct {
	Ref     string              `json:"$ref"`
	Content map[string]apiMedia `json:"content"`
}

type apiMedia struct {
	Schema *apiSchema `json:"schema"`
}

type apiSchema struct {
	Ref        string               `json:"$ref"`
	Type       string               `json:"type"`
	Format     string               `json:"format"`
	Pattern    string               `json:"pattern"`
	Enum       []any                `json:"enum"`
	Properties map[string]apiSchema `json:"properties"`
	Required   []string             `json:"required"`
	Items      *apiSchema           `json:"items"`
	AnyOf      []apiSchema          `json:"anyOf"`
}

var readAPIDocument = sync.OnceValues(func() (*apiDocument, error) {
	b, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		return nil, err
	}
	d := new(apiDocument)
	return d, json.Unmarshal(b, d)
})

func openAPI(t testing.TB) *apiDocument {
	t.Helper()
	d, err := readAPIDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// parameters gives an operation's parameters of one kind.
func (d *apiDocument) parameters(op apiOperation, in string) []string {
	names := []string{}
	for _, p := range op.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		if p.In == in {
			names = append(names, p.Name)
		}
	}
	return names
}

// schema gives the schema of an answer of that status and type, of each line where
// it comes in lines; nil for one without a body. Only a refusal may be left to
// "default".
func (d *apiDocument) schema(op apiOperation, status int, media string) (*apiSchema, error) {
	r, ok := op.Responses[strconv.Itoa(status)]
	if !ok && status >= http.StatusBadRequest {
		r, ok = op.Responses["default"]
	}
	if r.Ref != "" {
		r, ok = d.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]
	}
	if !ok {
		return nil, fmt.Errorf("an answer of status %d is not described", status)
	}
	if media != ndjson {
		media = "application/json"
	}
	return r.Content[media].Schema, nil
}

// document is the media type of an answer that is not JSON, nor lines of it; ""
// of any other.
func (d *apiDocument) document(op apiOperation, status int) string {
	for media := range op.Responses[strconv.Itoa(status)].Content {
		if media != "application/json" && media != ndjson {
			return media
		}
	}
	return ""
}

// check says where a value is not what the schema has.
func (d *apiDocument) check(s apiSchema, v any) error {
	if s.Ref != "" {
		named, ok := d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if !ok {
			return fmt.Errorf("there is no %s", s.Ref)
		}
		s = named
	}
	if len(s.AnyOf) > 0 {
		return d.checkAny(s.AnyOf, v)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%v is none of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case map[string]any:
		return d.checkObject(s, v)
	case []any:
		for i, item := range v {
			if err := d.check(*s.Items, item); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return wantType(s, "array")
	case string:
		return checkString(s, v)
	case bool:
		return wantType(s, "boolean")
	case float64:
		return wantType(s, "integer")
	}
	return fmt.Errorf("%v is of no type that is described", v)
}

func (d *apiDocument) checkAny(any []apiSchema, v any) (err error) {
	for _, s := range any {
		if err = d.check(s, v); err == nil {
			return nil
		}
	}
	return err
}

func (d *apiDocument) checkObject(s apiSchema, v map[string]any) error {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for name, value := range v {
		property, ok := s.Properties[name]
		if !ok {
			return fmt.Errorf("%s is not described", name)
		}
		if err := d.check(property, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return wantType(s, "object")
}

func checkString(s apiSchema, v string) error {
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
		return fmt.Errorf("%q is not like %s", v, s.Pattern)
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			return err
		}
	}
	return wantType(s, "string")
}

func wantType(s apiSchema, got string) error {
	if s.Type != got {
		return fmt.Errorf("this is a %s, and described as a %s", got, s.Type)
	}
	return nil
}

// conforms checks an answer against the document. Every test that asks the API
// comes by here.
func (b *adminBench) conforms(r *http.Request, a *adminAnswer) {
	b.t.Helper()
	d := openAPI(b.t)
	_, pattern := b.mux.Handler(r)
	op, ok := d.Paths[pattern][strings.ToLower(r.Method)]
	if !ok { // a method or a path that there is not
		if a.status < http.StatusBadRequest && r.Method != http.MethodHead {
			b.t.Errorf("%s %s is answered and not described", r.Method, pattern)
		}
		return
	}
	if want := d.document(op, a.status); want != "" {
		if strings.HasPrefix(want, "text/") {
			want += "; charset=utf-8"
		}
		if got := a.header.Get("Content-Type"); got != want || a.body.Len() == 0 {
			b.t.Errorf("%s %s: %d bytes of %s, want %s", r.Method, r.URL, a.body.Len(), got, want)
		}
		return
	}
	media := a.header.Get("Content-Type")
	schema, err := d.schema(op, a.status, media)
	if err == nil && schema == nil && a.body.Len() > 0 {
		err = fmt.Errorf("there is a body")
	}
	if err == nil && schema != nil {
		err = d.checkBody(*schema, a.body.Bytes(), media == ndjson)
	}
	if err != nil {
		b.t.Errorf("%s %s: an answer of status %d is not as docs/openapi.json has it: %v", r.Method, r.URL, a.status, err)
	}
}

// checkBody checks one JSON value, or as many as there are lines.
func (d *apiDocument) checkBody(s apiSchema, body []byte, lines bool) error {
	if len(body) == 0 {
		return errors.New("the body is empty")
	}
	for line := range bytes.Lines(body) {
		if !lines {
			line = body
		}
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		if err := d.check(s, v); err != nil || !lines {
			return err
		}
	}
	return nil
}

// The document and the routes are the same.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	d := openAPI(t)
	described := make(map[string]bool)
	for path, methods := range d.Paths {
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	ids := make(map[string]string)
	for _, r := range adminRoutes {
		name := r.method + " " + r.path
		op, ok := d.Paths[r.path][strings.ToLower(r.method)]
		if !ok {
			t.Errorf("%s is not in the document", name)
			continue
		}
		delete(described, name)
		if diff := cmp.Diff(append([]string{}, r.query...), d.parameters(op, "query")); diff != "" {
			t.Errorf("%s: parameters (-routes +document):\n%s", name, diff)
		}
		inPath := []string{}
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(r.path, -1) {
			inPath = append(inPath, m[1])
		}
		if diff := cmp.Diff(inPath, d.parameters(op, "path")); diff != "" {
			t.Errorf("%s: parameters of the path (-routes +document):\n%s", name, diff)
		}
		if !slices.Contains(d.parameters(op, "header"), actorHeader) || op.Summary == "" {
			t.Errorf("%s: neither %s nor a summary", name, actorHeader)
		}
		if other := ids[op.OperationID]; other != "" || op.OperationID == "" {
			t.Errorf("%s: the operationId %q is that of %s", name, op.OperationID, other)
		}
		ids[op.OperationID] = name
	}
	for name := range described {
		t.Errorf("%s is in the document and nowhere else", name)
	}
	patterns := make(map[string]bool)
	for _, route := range (&adminAPI{}).Routes() {
		patterns[route.Pattern] = true
	}
	delete(patterns, "/sesame/")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(d.Paths)), slices.Sorted(maps.Keys(patterns))); diff != "" {
		t.Errorf("paths (-document +registered):\n%s", diff)
	}
}

// The schemas have the fields of the types that are sent and read.
func TestOpenAPIHasEveryField(t *testing.T) {
	d := openAPI(t)
	types := map[string]any{
		"NewUser": newUser{}, "UserChange": userChange{}, "PeopleReport": peopleReport{}, "PeopleProblem": peopleProblem{}, "PeopleStep": authcore.Step{}, "Difference": authcore.Difference{}, "User": userView{}, "UserList": userList{}, "Assignment": assignment{},
		"CodeQuestion": codeQuestion{}, "CodePair": codePair{}, "EmergencyOrder": emergencyOrder{}, "EmergencyCodes": emergencyCodes{},
		"ActivationCode": activationCode{}, "ReplaceOrder": replaceOrder{}, "Replacement": replacement{},
		"Key": authcore.KeyInfo{}, "KeyList": keyList{}, "ImportReport": importReport{}, "ImportProblem": importProblem{},
		"Clock": authcore.Clock{}, "Diagnosis": diagnosis{}, "Finding": finding{}, "Backup": authcore.Backup{}, "CopyOrder": copyOrder{}, "Copied": authcore.Copied{}, "Store": Store{}, "Etcd": Etcd{}, "Session": sessionView{}, "SessionList": sessionList{}, "Request": requestView{}, "RequestList": requestList{}, "Screenshot": hookPicture{}, "Whois": whois{}, "Event": authcore.Event{}, "EventList": eventList{},
		"Verification": authcore.Verification{}, "PurgeOrder": purgeOrder{}, "PurgeReport": purgeReport{}, "PersonData": personData{}, "Message": authcore.Message{}, "Notice": authcore.Notice{},
		"ImportProgress": progressLine{}, "ImportStep": importStep{},
		"UserDelegation": authcore.Delegation{}, "Passkey": passkeyView{}, "Delegation": delegationView{}, "DelegationOrder": delegationOrder{},
		"RoleOrder": roleOrder{}, "Role": roleView{}, "RoleList": roleList{}, "Office": authcore.Office{}, "Pending": pendingView{}, "PendingList": pendingList{}, "Shipment": shipment{}, "Stock": stockList{}, "StockKey": stockKey{},
		"ExplainQuestion": explainQuestion{}, "Explanation": explanation{},
	}
	for name, s := range d.Components.Schemas {
		if _, ok := types[name]; !ok && s.Type == "object" && name != "Error" && name != "Attributes" {
			t.Errorf("the schema %s belongs to no type", name)
		}
	}
	for name, v := range types {
		s, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("there is no schema %s", name)
			continue
		}
		var fields, required []string
		for f := range reflect.TypeOf(v).Fields() {
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, tag)
			if !strings.Contains(options, "omit") {
				required = append(required, tag)
			}
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(s.Properties))); diff != "" {
			t.Errorf("%s: fields (-type +document):\n%s", name, diff)
		}
		slices.Sort(required)
		if diff := cmp.Diff(required, slices.Sorted(slices.Values(s.Required))); diff != "" {
			t.Errorf("%s: required (-type +document):\n%s", name, diff)
		}
	}
}

// The attributes have no struct: their names and kinds are fredu's.
func TestOpenAPIHasEveryAttribute(t *testing.T) {
	described := openAPI(t).Components.Schemas["Attributes"].Properties
	for _, a := range fredu.Attributes() {
		want := "string"
		if a.Multiple() {
			want = "array"
		}
		if got := described[a.String()].Type; got != want {
			t.Errorf("%s is described as %q, want %s", a, got, want)
		}
	}
	if len(described) != len(fredu.Attributes()) {
		t.Errorf("%d attributes are described", len(described))
	}
}

// allWords gives the words of an enumeration that counts from 1.
func allWords[T ~uint8, P interface {
	*T
	MarshalText() ([]byte, error)
}]() (words []any) {
	for i := 1; i < 256; i++ {
		v := T(i)
		text, err := P(&v).MarshalText()
		if err != nil {
			break
		}
		words = append(words, string(text))
	}
	return words
}

// noticeWords are the words of what people are told of.
func noticeWords() (words []any) {
	for _, k := range authcore.NoticeKinds() {
		words = append(words, k.String())
	}
	return words
}

func TestOpenAPIHasEveryWord(t *testing.T) {
	d := openAPI(t)
	for _, c := range []struct {
		schema, property string
		want             []any
	}{
		{"Key", "state", allWords[authcore.State]()},
		{"Event", "kind", allWords[authcore.EventKind]()},
		{"Message", "way", allWords[authcore.Way]()},
		{"Notice", "what", noticeWords()},
		{"Role", "role", allWords[authcore.Role]()},
		{"Office", "role", allWords[authcore.Role]()},
		{"StockKey", "place", allWords[authcore.Place]()},
		{"Pending", "act", allWords[authcore.PendingAct]()},
		{"PeopleStep", "kind", allWords[authcore.StepKind]()},
		{"Difference", "field", allWords[authcore.AccountField]()},
		{"ImportReport", "needs", []any{string(needsPassword), string(needsKey)}},
		{"Explanation", "why", allWords[authcore.Why]()},
		{"Explanation", "decision", []any{string(explainedAllow), string(explainedPublic), string(explainedStepUp), string(explainedDeny)}},
		{"Whois", "cause", []any{string(causeNone), string(causeAccount), string(causeKey), string(causePIN), string(causeLock), string(causeRights)}},
	} {
		if diff := cmp.Diff(c.want, d.Components.Schemas[c.schema].Properties[c.property].Enum); diff != "" {
			t.Errorf("%s.%s (-code +document):\n%s", c.schema, c.property, diff)
		}
	}
}
