package main

import (
	"encoding/json"
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// The most bytes of one read by VMware's library, which differ by what it talks to.
const (
	vCenterReadLimit = 1 << 20
	hostReadLimit    = 2 << 20
)

// libraryFault is what goes wrong with reads by VMware's library, until a test says otherwise.
type libraryFault struct {
	LongerBy       int64 `json:"longerBy"`       // so much longer is the disk than it should be
	DieAfterReads  int   `json:"dieAfterReads"`  // 0 for never
	FailAfterReads int   `json:"failAfterReads"` // 0 for never
	HangOnOpen     bool  `json:"hangOnOpen"`
}

// openDisk says to the stand-in for VMware's library which file it serves, or why it serves none.
func (f *front) openDisk(body []byte) (any, error) {
	var asked struct {
		User, Password, Vm, Snapshot, File string
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	f.mutex.Lock()
	f.counts["VixDiskLib_Open"]++
	fault := f.library
	f.mutex.Unlock()
	refused := func(said string) (any, error) { return map[string]any{"error": said}, nil }
	if asked.User != f.user || asked.Password != f.password {
		// Nobody should say so much, and somebody always does.
		return refused("VixDiskLib_ConnectEx: Cannot connect to host: Incorrect user name or password (" + asked.User + ", " + asked.Password + ")")
	}
	vm := f.machine(asked.Vm)
	if vm == nil {
		return refused("VixDiskLib_ConnectEx: The virtual machine cannot be found")
	}
	f.content.Lock()
	defer f.content.Unlock()
	devices := vm.Config.Hardware.Device
	if asked.Snapshot != "" {
		snapshot, ok := f.registry.Get(types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: asked.Snapshot}).(*simulator.VirtualMachineSnapshot)
		if !ok || snapshot.Vm != vm.Self {
			return refused("VixDiskLib_Open: The snapshot cannot be found")
		}
		devices = snapshot.Config.Hardware.Device
	} else if !isOff(vm) {
		return refused("VixDiskLib_Open: Failed to lock the file: the virtual machine is powered on")
	}
	for _, disk := range flatDisks(devices) {
		if fileOf(disk) != asked.File {
			continue
		}
		path := ""
		if asked.Snapshot == "" {
			live, err := f.flatOf(vm, disk)
			if err != nil {
				return nil, err
			}
			path = live
		}
		for _, copied := range f.stateOf(asked.Vm, disk.Key).kept {
			if asked.Snapshot != "" && copied.snapshot == asked.Snapshot {
				path = copied.file
			}
		}
		if path == "" {
			break
		}
		limit := vCenterReadLimit
		if f.isHost {
			limit = hostReadLimit
		}
		return map[string]any{"path": path, "length": capacityOf(disk) + fault.LongerBy, "limit": limit, "fault": fault}, nil
	}
	return refused(fmt.Sprintf("VixDiskLib_Open: %s: The file specified is not a virtual disk", asked.File))
}
