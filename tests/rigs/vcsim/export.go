package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// exported are the files of a lease, by their names in its URLs.
type exported struct {
	files map[string]string
	keys  map[string]string // what the lease calls each
	kept  int               // how often its progress was told
}

// leaseFault is what is odd about leases that are made from now on, until a test says otherwise.
type leaseFault struct {
	Host       string `json:"host"`       // of its URLs, with the port; empty for "*"
	Thumbprint string `json:"thumbprint"` // empty for the server's own
	Timeout    int32  `json:"timeout"`    // in seconds
	NoSizes    bool   `json:"noSizes"`    // files without a size
	OtherKeys  bool   `json:"otherKeys"`  // files of devices that nobody knows
	Manifest   string `json:"manifest"`   // "", "none", "other"
}

// export gives a lease that gets ready a moment later, as a real one does: its files are made then.
func (f *front) export(call request) (int, []byte) {
	target := types.ManagedObjectReference{Type: call.targetOf, Value: call.target}
	if f.registry.Get(target) == nil {
		return http.StatusInternalServerError, faultBody("ManagedObjectNotFound", "no such object", fmt.Sprintf(`<obj type="%s">%s</obj>`, call.targetOf, call.target))
	}
	vm, devices := f.machine(call.target), []types.BaseVirtualDevice(nil)
	if vm != nil {
		if !isOff(vm) {
			return http.StatusInternalServerError, faultBody("InvalidPowerState", "it runs", "<requestedState>poweredOff</requestedState><existingState>"+string(vm.Runtime.PowerState)+"</existingState>")
		}
		devices = vm.Config.Hardware.Device
	} else {
		snapshot := f.registry.Get(target).(*simulator.VirtualMachineSnapshot)
		vm, devices = f.machine(snapshot.Vm.Value), snapshot.Config.Hardware.Device
	}
	f.mutex.Lock()
	fault := f.leaseFault
	f.mutex.Unlock()
	if fault.Host == "" {
		fault.Host = "*"
	}
	if fault.Thumbprint == "" {
		fault.Thumbprint = f.thumbprint
	}
	if fault.Timeout == 0 {
		fault.Timeout = 300
	}
	lease := &simulator.HttpNfcLease{HttpNfcLease: mo.HttpNfcLease{State: types.HttpNfcLeaseStateInitializing}}
	f.registry.Put(lease)
	go func() {
		made := &exported{files: map[string]string{}, keys: map[string]string{}}
		info := &types.HttpNfcLeaseInfo{Lease: lease.Self, Entity: target, LeaseTimeout: fault.Timeout}
		var problem error
		for i, disk := range flatDisks(devices) {
			name := fmt.Sprintf("disk-%d.vmdk", i)
			file := filepath.Join(f.keep, lease.Self.Value+"-"+name)
			if problem = f.exportDisk(vm, disk, call, file); problem != nil {
				break
			}
			facts, err := os.Stat(file)
			if problem = err; problem != nil {
				break
			}
			key := fmt.Sprintf("/%s/%s:%d", vm.Self.Value, controllerOf(devices, disk), *disk.UnitNumber)
			if fault.OtherKeys {
				key = fmt.Sprintf("/%s/Device%d", vm.Self.Value, i)
			}
			size := facts.Size()
			if fault.NoSizes {
				size = 0
			}
			made.files[name], made.keys[name] = file, key
			info.DeviceUrl = append(info.DeviceUrl, types.HttpNfcLeaseDeviceUrl{
				Key: key, ImportKey: "disk", Url: "https://" + fault.Host + "/nfc/" + lease.Self.Value + "/" + name,
				SslThumbprint: fault.Thumbprint, Disk: types.NewBool(true), TargetId: name, FileSize: size,
			})
		}
		f.mutex.Lock()
		f.leases[lease.Self.Value] = made
		f.mutex.Unlock()
		state := types.PropertyChange{Name: "state", Val: types.HttpNfcLeaseStateReady}
		if problem != nil {
			state.Val = types.HttpNfcLeaseStateError
		}
		f.registry.WithLock(lease, func() { f.registry.Update(lease, []types.PropertyChange{{Name: "info", Val: info}, state}) })
	}()
	return http.StatusOK, envelope(fmt.Sprintf(`<%sResponse xmlns="urn:vim25"><returnval type="HttpNfcLease">%s</returnval></%sResponse>`, call.operation, lease.Self.Value, call.operation))
}

func controllerOf(devices []types.BaseVirtualDevice, disk *types.VirtualDisk) string {
	for _, device := range devices {
		if controller, ok := device.(types.BaseVirtualController); ok && device.GetVirtualDevice().Key == disk.ControllerKey {
			return fmt.Sprintf("%s%d", reflect.TypeOf(device).Elem().Name(), controller.GetVirtualController().BusNumber)
		}
	}
	return "None0"
}

func (f *front) exportDisk(vm *simulator.VirtualMachine, disk *types.VirtualDisk, call request, to string) error {
	f.content.Lock()
	defer f.content.Unlock()
	from := ""
	if call.targetOf == "VirtualMachine" {
		live, err := f.flatOf(vm, disk)
		if err != nil {
			return err
		}
		from = live
	}
	for _, copied := range f.stateOf(vm.Self.Value, disk.Key).kept {
		if copied.snapshot == call.target {
			from = copied.file
		}
	}
	said, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img: %s", said)
	}
	return nil
}

// manifest lists what a lease's files hold.
func (f *front) manifest(call request) (int, []byte) {
	f.mutex.Lock()
	lease, fault := f.leases[call.target], f.leaseFault
	f.mutex.Unlock()
	if lease == nil {
		return refuse("ManagedObjectNotFound", "no such lease", fmt.Sprintf(`<obj type="%s">%s</obj>`, call.targetOf, call.target))
	}
	if fault.Manifest == "none" {
		return refuse("NotSupported", "there is none", "")
	}
	text := `<HttpNfcLeaseGetManifestResponse xmlns="urn:vim25">`
	for name, path := range lease.files {
		content, err := os.ReadFile(path)
		if err != nil {
			return refuse("FileNotFound", err.Error(), "")
		}
		if fault.Manifest == "other" {
			content[len(content)/2] ^= 1
		}
		sum := sha1.Sum(content)
		text += fmt.Sprintf("<returnval><key>%s</key><sha1>%s</sha1><size>%d</size><disk>true</disk></returnval>", lease.keys[name], hex.EncodeToString(sum[:]), len(content))
	}
	return http.StatusOK, envelope(text + "</HttpNfcLeaseGetManifestResponse>")
}

// afterLease counts that a lease is kept, and ends it.
func (f *front) afterLease(call request) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	lease := f.leases[call.target]
	if lease == nil {
		return
	}
	if call.operation == "HttpNfcLeaseProgress" {
		lease.kept++
		return
	}
	delete(f.leases, call.target)
	for _, path := range lease.files {
		if err := os.Remove(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// nfc sends a file of a lease, in no length that is told before, as a real server does.
func (f *front) nfc(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/nfc/"), "/")
	now := f.next("nfc-get")
	f.mutex.Lock()
	lease := f.leases[parts[0]]
	f.mutex.Unlock()
	if r.Header.Get("Cookie") != "" {
		http.Error(w, "a session does not belong here", http.StatusBadRequest)
		return
	}
	if lease == nil || len(parts) != 2 || lease.files[parts[1]] == "" {
		http.NotFound(w, r)
		return
	}
	content, err := os.ReadFile(lease.files[parts[1]])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	what := ""
	if now != nil {
		what = now.What
	}
	half := content[:len(content)/2]
	rest := content[len(half):]
	w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	switch what {
	case "drop-request":
		panic(http.ErrAbortHandler)
	case "body":
		w.WriteHeader(now.Status)
		f.write(w, []byte(now.Body))
		return
	}
	f.write(w, half)
	w.(http.Flusher).Flush()
	switch what {
	case "half":
		panic(http.ErrAbortHandler)
	case "truncated": // it ends in good order, too early
		return
	case "damaged":
		rest[len(rest)/2] ^= 0x55
	case "until-kept": // it goes on only when its progress was told three times
		for i := 0; ; i++ {
			f.mutex.Lock()
			kept := lease.kept
			f.mutex.Unlock()
			if kept >= 3 {
				break
			}
			if i > 3000 {
				panic(http.ErrAbortHandler)
			}
			time.Sleep(10 * time.Millisecond)
		}
	case "hang":
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if _, err := io.Copy(w, strings.NewReader(string(rest))); err != nil {
		panic(http.ErrAbortHandler)
	}
}
