package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// trackedDisk is what change tracking says of a disk, by its key: true, or what a test wants it to say.
type trackedDisk struct {
	Key      int32     `json:"key"`
	Capacity int64     `json:"capacity"`
	Areas    [][]int64 `json:"areas"`     // start and length, in order
	PageSize int       `json:"pageAreas"` // the most areas in one answer; ESXi's limit is 2,000
	Script   []struct {
		Start  int64     `json:"start"`
		Length int64     `json:"length"`
		Areas  [][]int64 `json:"areas"`
	} `json:"script"` // answers in this order, whatever was asked
}

func (f *front) trackDisk(body []byte) error {
	disk := &trackedDisk{}
	if err := json.Unmarshal(body, disk); err != nil {
		return err
	}
	sort.Slice(disk.Areas, func(i, j int) bool { return disk.Areas[i][0] < disk.Areas[j][0] })
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.areas[disk.Key] = disk
	return nil
}

// own finds what the simulator lacks.
func (f *front) own(call request) (func() (int, []byte), bool) {
	switch call.operation {
	case "QueryChangedDiskAreas":
		return func() (int, []byte) { return f.queryChangedDiskAreas(call) }, true
	case "ConsolidateVMDisks_Task":
		return func() (int, []byte) { return f.consolidate(call) }, true
	case "ShutdownGuest":
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if !f.deaf[call.target] {
			return nil, false
		}
		return func() (int, []byte) {
			return http.StatusOK, envelope(`<ShutdownGuestResponse xmlns="urn:vim25"></ShutdownGuestResponse>`)
		}, true
	case "HttpNfcLeaseGetManifest":
		return func() (int, []byte) { return f.manifest(call) }, true
	case "ExportVm", "ExportSnapshot":
		return func() (int, []byte) { return f.export(call) }, true
	case "RefreshDatastore": // the simulator answers with an empty body
		return func() (int, []byte) {
			return http.StatusOK, envelope(`<RefreshDatastoreResponse xmlns="urn:vim25"></RefreshDatastoreResponse>`)
		}, true
	case "ContinueRetrievePropertiesEx", "CancelRetrievePropertiesEx":
		return func() (int, []byte) { return f.nextPage(call) }, true
	}
	return nil, false
}

func (f *front) queryChangedDiskAreas(call request) (int, []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	disk, ok := f.areas[int32(call.numberOf("deviceKey"))]
	if !ok {
		f.mutex.Unlock()
		defer f.mutex.Lock()
		return f.compareDisks(call)
	}
	if change := call.valueOf("changeId"); change != "*" && !strings.Contains(change, "/") {
		return http.StatusInternalServerError, faultBody("FileFault", "Error caused by file", "<file>"+call.target+".vmdk</file>")
	}
	if len(disk.Script) > 0 {
		page := disk.Script[0]
		disk.Script = disk.Script[1:]
		return changedAreas(page.Start, page.Length, page.Areas)
	}
	from := call.numberOf("startOffset")
	if from < 0 || from >= disk.Capacity {
		return http.StatusInternalServerError, faultBody("InvalidArgument", "A specified parameter was not correct: startOffset", "<invalidProperty>startOffset</invalidProperty>")
	}
	var told [][]int64
	for _, area := range disk.Areas {
		if area[0]+area[1] <= from {
			continue
		}
		if disk.PageSize > 0 && len(told) == disk.PageSize {
			last := told[len(told)-1]
			return changedAreas(from, last[0]+last[1]-from, told)
		}
		told = append(told, area)
	}
	return changedAreas(from, disk.Capacity-from, told)
}

func changedAreas(start, length int64, areas [][]int64) (int, []byte) {
	var text strings.Builder
	fmt.Fprintf(&text, `<QueryChangedDiskAreasResponse xmlns="urn:vim25"><returnval><startOffset>%d</startOffset><length>%d</length>`, start, length)
	for _, area := range areas {
		fmt.Fprintf(&text, "<changedArea><start>%d</start><length>%d</length></changedArea>", area[0], area[1])
	}
	text.WriteString("</returnval></QueryChangedDiskAreasResponse>")
	return http.StatusOK, envelope(text.String())
}

func (f *front) machine(value string) *simulator.VirtualMachine {
	vm, _ := f.registry.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: value}).(*simulator.VirtualMachine)
	return vm
}

func (f *front) consolidate(call request) (int, []byte) {
	vm := f.machine(call.target)
	if vm == nil {
		return http.StatusInternalServerError, faultBody("ManagedObjectNotFound", "no such machine", fmt.Sprintf(`<obj type="%s">%s</obj>`, call.targetOf, call.target))
	}
	task := simulator.CreateTask(vm, "consolidateVMDisks", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		f.registry.WithLock(vm, func() { vm.Runtime.ConsolidationNeeded = types.NewBool(false) })
		return nil, nil
	})
	return http.StatusOK, envelope(fmt.Sprintf(`<ConsolidateVMDisks_TaskResponse xmlns="urn:vim25"><returnval type="Task">%s</returnval></ConsolidateVMDisks_TaskResponse>`, task.Run().Value))
}

// slowly makes a task that does what is asked some seconds later: the simulator has done it before it says that it will.
func (f *front) slowly(r *http.Request, call request) []byte {
	vm := f.machine(call.target)
	task := simulator.CreateTask(vm, strings.TrimSuffix(strings.ToLower(call.operation[:1])+call.operation[1:], "_Task"), func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		time.Sleep(3 * time.Second)
		if status, _, _, err := f.serve(r, call); err != nil || status != http.StatusOK {
			return nil, &types.GenericVmConfigFault{Reason: "the simulator refused"}
		}
		return nil, nil
	})
	f.registry.WithLock(vm, func() { vm.RecentTask = append(vm.RecentTask, task.Self) })
	go task.Run()
	return envelope(fmt.Sprintf(`<%sResponse xmlns="urn:vim25"><returnval type="Task">%s</returnval></%sResponse>`, call.operation, task.Self.Value, call.operation))
}

// machineOf is the machine that a snapshot is of.
func (f *front) machineOf(snapshot string) *types.ManagedObjectReference {
	one, ok := f.registry.Get(types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: snapshot}).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return nil
	}
	vm := one.Vm
	return &vm
}

// giveTo makes the task in a reply one of a machine: the simulator says that it is one of the snapshot, which is none of the objects
// that tasks have, and of which strict clients therefore do not hear the rest.
func (f *front) giveTo(owner *types.ManagedObjectReference, reply []byte) {
	_, found, _ := strings.Cut(string(reply), `<returnval type="Task">`)
	value, _, _ := strings.Cut(found, "<")
	task, ok := f.registry.Get(types.ManagedObjectReference{Type: "Task", Value: value}).(*simulator.Task)
	if !ok || owner == nil {
		return
	}
	f.registry.WithLock(task, func() {
		task.Info.Entity, task.Info.EntityName = owner, owner.Value
	})
}

// heldPage is the rest of an answer that comes in pages.
type heldPage struct {
	objects []string
	size    int
}

// firstPage cuts an answer after as many objects as were asked for at most; the simulator always gives all.
func (f *front) firstPage(call request, reply []byte) []byte {
	size := int(call.numberOf("maxObjects"))
	head, objects, tail := split(string(reply), "objects")
	if size <= 0 || len(objects) <= size {
		return reply
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.tokenNo++
	token := fmt.Sprintf("page-%d", f.tokenNo)
	f.pages[token] = &heldPage{objects[size:], size}
	return []byte(head + "<token>" + token + "</token>" + strings.Join(objects[:size], "") + tail)
}

func (f *front) nextPage(call request) (int, []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	token := call.valueOf("token")
	held, ok := f.pages[token]
	if !ok {
		return http.StatusInternalServerError, faultBody("InvalidProperty", "", "<name>token</name>")
	}
	delete(f.pages, token)
	if call.operation == "CancelRetrievePropertiesEx" {
		return http.StatusOK, envelope(`<CancelRetrievePropertiesExResponse xmlns="urn:vim25"></CancelRetrievePropertiesExResponse>`)
	}
	text := `<ContinueRetrievePropertiesExResponse xmlns="urn:vim25"><returnval>`
	page := held.objects
	if len(page) > held.size {
		f.tokenNo++
		next := fmt.Sprintf("page-%d", f.tokenNo)
		f.pages[next] = &heldPage{page[held.size:], held.size}
		page = page[:held.size]
		text += "<token>" + next + "</token>"
	}
	return http.StatusOK, envelope(text + strings.Join(page, "") + "</returnval></ContinueRetrievePropertiesExResponse>")
}

// heldUpdates is the rest of a set of updates that comes in parts.
type heldUpdates struct {
	head, tail string
	objects    []string
	size       int
}

func (f *front) firstUpdates(call request, reply []byte) []byte {
	size := int(call.numberOf("maxObjectUpdates"))
	head, objects, tail := split(string(reply), "objectSet")
	if size <= 0 || len(objects) <= size || strings.Count(string(reply), "<filterSet>") != 1 {
		return reply
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.updates[call.target] = &heldUpdates{head, tail, objects, size}
	return f.part(call.target)
}

func (f *front) heldUpdates(call request) ([]byte, bool) {
	if call.operation != "WaitForUpdatesEx" || call.valueOf("version") == "" {
		return nil, false
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, ok := f.updates[call.target]; !ok {
		return nil, false
	}
	return f.part(call.target), true
}

func (f *front) part(collector string) []byte {
	held := f.updates[collector]
	part, tail := held.objects, held.tail
	if len(part) > held.size {
		part = part[:held.size]
		held.objects = held.objects[held.size:]
		tail = strings.Replace(tail, "</returnval>", "<truncated>true</truncated></returnval>", 1)
	} else {
		delete(f.updates, collector)
	}
	return []byte(held.head + strings.Join(part, "") + tail)
}

// split takes an answer apart at elements of a name that are not nested in each other: what is before, those, what follows.
func split(text, name string) (string, []string, string) {
	open, end := "<"+name+">", "</"+name+">"
	first := strings.Index(text, open)
	if first < 0 {
		return text, nil, ""
	}
	head, rest := text[:first], text[first:]
	var list []string
	for strings.HasPrefix(rest, open) {
		until := strings.Index(rest, end)
		if until < 0 {
			break
		}
		list = append(list, rest[:until+len(end)])
		rest = rest[until+len(end):]
	}
	return head, list, rest
}
