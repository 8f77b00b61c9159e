package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const sessionCookie = "vmware_soap_session"

// front is what clients talk to. What it does not know itself it asks the simulator.
type front struct {
	inner      string
	registry   *simulator.Registry
	user       string
	password   string
	thumbprint string // the SHA-1 of its certificate
	isHost     bool   // an ESXi host rather than a vCenter
	keep       string // where copies of disks are kept

	content  sync.Mutex // held while disks are looked at or copied; taken before the simulator's locks
	disks    map[diskName]*diskState
	changeNo int

	mutex      sync.Mutex
	live       map[string]bool // session cookies that the simulator gave out and that have not ended
	counts     map[string]int  // requests by operation
	incident   []*incident
	areas      map[int32]*trackedDisk
	pages      map[string]*heldPage
	updates    map[string]*heldUpdates
	library    libraryFault
	leases     map[string]*exported
	leaseFault leaseFault
	deaf       map[string]bool // machines whose guest does not shut down when it is asked to
	tokenNo    int
	rest       *restAnswer // what every request of the other API is answered with; nil for what the simulator says
}

// incident happens to the next requests of an operation.
type incident struct {
	Operation string `json:"operation"`
	What      string `json:"what"` // "drop-request", "drop-reply", "hang", "slow", "slow-drop-reply", "expire", "fault", "body"
	Count     int    `json:"count"`
	Skip      int    `json:"skip"`   // so many requests go by first
	Fault     string `json:"fault"`  // its type
	Detail    string `json:"detail"` // elements within it
	Body      string `json:"body"`   // a whole reply
	Status    int    `json:"status"`
	Type      string `json:"type"` // content type of that reply
}

func newFront(inner string, registry *simulator.Registry, user, password, keep string) *front {
	return &front{
		inner: inner, registry: registry, user: user, password: password, keep: keep,
		disks: map[diskName]*diskState{}, deaf: map[string]bool{}, leases: map[string]*exported{},
		live: map[string]bool{}, counts: map[string]int{}, areas: map[int32]*trackedDisk{},
		pages: map[string]*heldPage{}, updates: map[string]*heldUpdates{},
	}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/rig/"):
		f.steer(w, r, body)
	case r.URL.Path == "/sdk" && r.Method == http.MethodPost:
		f.call(w, r, body)
	case strings.HasPrefix(r.URL.Path, "/nfc/") && r.Method == http.MethodGet:
		f.nfc(w, r)
	case strings.HasPrefix(r.URL.Path, "/folder/") && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		f.folder(w, r)
	case strings.HasPrefix(r.URL.Path, "/folder/") && !f.isLive(r):
		http.Error(w, "no session", http.StatusUnauthorized) // a real server asks for one, the simulator does not
	case strings.HasPrefix(r.URL.Path, "/rest/") && f.restAnswer() != nil:
		answer := f.restAnswer()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Status)
		f.write(w, []byte(answer.Body))
	default:
		status, header, reply, err := f.ask(r, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", header.Get("Content-Type"))
		w.WriteHeader(status)
		f.write(w, reply)
	}
}

// request is a call as far as this server looks into it.
type request struct {
	operation string
	target    string
	targetOf  string // its type
	body      []byte
}

func read(body []byte) (request, error) {
	var envelope struct {
		Body struct {
			Call struct {
				XMLName xml.Name
				This    struct {
					Type  string `xml:"type,attr"`
					Value string `xml:",chardata"`
				} `xml:"_this"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	if err := xml.Unmarshal(body, &envelope); err != nil {
		return request{}, err
	}
	call := envelope.Body.Call
	return request{call.XMLName.Local, call.This.Value, call.This.Type, body}, nil
}

// valueOf is the text of the first element of a name in a request; empty where there is none.
func (r request) valueOf(name string) string {
	decoder := xml.NewDecoder(bytes.NewReader(r.body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			var text string
			if decoder.DecodeElement(&text, &start) != nil {
				return ""
			}
			return text
		}
	}
}

func (r request) numberOf(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(r.valueOf(name)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (f *front) call(w http.ResponseWriter, r *http.Request, body []byte) {
	call, err := read(body)
	if err != nil {
		f.fault(w, "InvalidRequest", err.Error(), "")
		return
	}
	if err := checkOrder(body); err != nil {
		f.fault(w, "InvalidRequest", "Unable to parse the request: "+err.Error(), "")
		return
	}
	now := f.next(call.operation)
	dropReply := false
	if now != nil {
		switch now.What {
		case "drop-request":
			panic(http.ErrAbortHandler)
		case "drop-reply":
			dropReply = true
		case "hang":
			<-r.Context().Done() // until the client gives up
			panic(http.ErrAbortHandler)
		case "slow", "slow-drop-reply":
			reply := f.slowly(r, call)
			if now.What == "slow-drop-reply" {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
			f.write(w, reply)
			return
		case "expire":
			f.expire()
		case "fault":
			f.fault(w, now.Fault, "as the rig was told", now.Detail)
			return
		case "body":
			w.Header().Set("Content-Type", now.Type)
			w.WriteHeader(now.Status)
			f.write(w, []byte(now.Body))
			return
		}
	}
	if !f.isLive(r) {
		r.Header.Del("Cookie") // the simulator then answers as it does without a session
	}
	status, header, reply, err := f.serve(r, call)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for _, cookie := range header.Values("Set-Cookie") {
		w.Header().Add("Set-Cookie", cookie)
		f.mutex.Lock()
		f.live[strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], sessionCookie+"=")] = true
		f.mutex.Unlock()
	}
	if dropReply {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	f.write(w, reply)
}

// serve answers what the simulator cannot, and changes what it answers.
func (f *front) serve(r *http.Request, call request) (int, http.Header, []byte, error) {
	if own, ok := f.own(call); ok {
		if !f.isLive(r) {
			return http.StatusInternalServerError, nil, faultBody("NotAuthenticated", "The session is not authenticated.", ""), nil
		}
		status, reply := own()
		return status, nil, reply, nil
	}
	if held, ok := f.heldUpdates(call); ok && f.isLive(r) {
		return http.StatusOK, nil, held, nil
	}
	var owner *types.ManagedObjectReference
	number := 0
	switch call.operation {
	case "CreateSnapshot_Task":
		var err error
		if number, err = f.stampDisks(call.target, true); err != nil {
			return 0, nil, nil, err
		}
	case "RemoveSnapshot_Task", "RevertToSnapshot_Task":
		owner = f.machineOf(call.target)
	}
	status, header, reply, err := f.ask(r, call.body)
	if err != nil || status != http.StatusOK {
		return status, header, reply, err
	}
	switch call.operation {
	case "RetrievePropertiesEx":
		reply = f.firstPage(call, reply)
	case "WaitForUpdatesEx":
		reply = f.firstUpdates(call, reply)
	case "ReconfigVM_Task", "PowerOnVM_Task":
		_, err = f.stampDisks(call.target, false)
	case "HttpNfcLeaseProgress", "HttpNfcLeaseComplete", "HttpNfcLeaseAbort":
		f.afterLease(call)
	case "CreateSnapshot_Task":
		f.keepFor(call.target, number, reply)
	case "RemoveSnapshot_Task":
		f.giveTo(owner, reply)
	case "RevertToSnapshot_Task":
		f.giveTo(owner, reply)
		if owner != nil && f.taskIn(reply) != nil {
			err = f.revert(owner.Value, call.target)
		}
	}
	return status, header, reply, err
}

func (f *front) ask(r *http.Request, body []byte) (int, http.Header, []byte, error) {
	asked, err := http.NewRequest(r.Method, f.inner+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	asked.Header = r.Header.Clone()
	reply, err := http.DefaultClient.Do(asked)
	if err != nil {
		return 0, nil, nil, err
	}
	defer reply.Body.Close()
	said, err := io.ReadAll(reply.Body)
	return reply.StatusCode, reply.Header, said, err
}

// next counts a request and says what happens to it.
func (f *front) next(operation string) *incident {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.counts[operation]++
	for _, one := range f.incident {
		if one.Operation != operation || one.Count == 0 {
			continue
		}
		if one.Skip > 0 {
			one.Skip--
			continue
		}
		one.Count--
		return one
	}
	return nil
}

func (f *front) isLive(r *http.Request) bool {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.live[cookie.Value]
}

func (f *front) expire() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.live = map[string]bool{}
}

func (f *front) fault(w http.ResponseWriter, name, message, detail string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	f.write(w, faultBody(name, message, detail))
}

func (f *front) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

func envelope(body string) []byte {
	return []byte(xml.Header + `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>` + body + `</soapenv:Body></soapenv:Envelope>`)
}

func faultBody(name, message, detail string) []byte {
	var text bytes.Buffer
	if err := xml.EscapeText(&text, []byte(message)); err != nil {
		panic(err)
	}
	return envelope(fmt.Sprintf(`<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring><detail><%sFault xmlns="urn:vim25" xsi:type="%s">%s</%sFault></detail></soapenv:Fault>`, text.String(), name, name, detail, name))
}

// tell answers a test, unless there is nothing to tell.
func (f *front) tell(w http.ResponseWriter, answer any, problem error) error {
	if problem != nil {
		return problem
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	f.write(w, text)
	return nil
}

// restAnswer is what a request of the other API (tags) is answered with.
type restAnswer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

func (f *front) restAnswer() *restAnswer {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.rest
}

// steer does what a test asks for.
func (f *front) steer(w http.ResponseWriter, r *http.Request, body []byte) {
	var err error
	switch r.URL.Path {
	case "/rig/expire":
		f.expire()
	case "/rig/incident":
		var one incident
		if err = json.Unmarshal(body, &one); err == nil {
			f.mutex.Lock()
			f.incident = append(f.incident, &one)
			f.mutex.Unlock()
		}
	case "/rig/rest":
		answer := &restAnswer{}
		if err = json.Unmarshal(body, answer); err == nil {
			f.mutex.Lock()
			f.rest = answer
			f.mutex.Unlock()
		}
	case "/rig/disk":
		err = f.trackDisk(body)
	case "/rig/counts":
		f.mutex.Lock()
		counts := map[string]int{}
		for operation, count := range f.counts {
			counts[operation] = count
		}
		f.mutex.Unlock()
		err = f.tell(w, counts, nil)
	case "/rig/content":
		err = f.setContent(body)
	case "/rig/delta":
		err = f.addDelta(body)
	case "/rig/path":
		answer, problem := f.livePath(body)
		err = f.tell(w, answer, problem)
	case "/rig/revert":
		var one struct{ Vm, Snapshot string }
		if err = json.Unmarshal(body, &one); err == nil {
			err = f.revert(one.Vm, one.Snapshot)
		}
	case "/rig/lie":
		err = f.lie(body)
	case "/rig/open":
		answer, problem := f.openDisk(body)
		err = f.tell(w, answer, problem)
	case "/rig/library":
		f.mutex.Lock()
		f.library = libraryFault{}
		err = json.Unmarshal(body, &f.library)
		f.mutex.Unlock()
	case "/rig/lease":
		f.mutex.Lock()
		f.leaseFault = leaseFault{}
		err = json.Unmarshal(body, &f.leaseFault)
		f.mutex.Unlock()
	case "/rig/deaf":
		var one struct {
			Vm   string `json:"vm"`
			Deaf bool   `json:"deaf"`
		}
		if err = json.Unmarshal(body, &one); err == nil {
			f.mutex.Lock()
			f.deaf[one.Vm] = one.Deaf
			f.mutex.Unlock()
		}
	default:
		err = fmt.Errorf("the rig has no %s", r.URL.Path)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}
