package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// What the simulator lacks of disks: bytes in their files, snapshots that keep them, and changes between two points in time that are
// found by comparing what was kept. A real server answers from its own records; here the answer is always the truth, unless a test has
// it lie.

const (
	trackedBytes  = 64 << 10 // a change is told by blocks of this size
	areasInAnswer = 2000     // ESXi's limit
	keptCopies    = 16       // of points in time whose snapshot is gone, for each disk
)

type diskName struct {
	vm  string
	key int32
}

// diskState is what is known of a disk besides the simulator.
type diskState struct {
	epoch int // counts how often tracking began anew: resized, reverted, switched on again
	kept  []*keptCopy
	lies  [][]int64 // start and length of what is never told
}

// keptCopy is what a disk held when a change id was given out.
type keptCopy struct {
	number   int
	epoch    int
	tracked  bool
	file     string
	capacity int64
	snapshot string // whose; empty for none, or once that is gone
}

func changeUuid(key int32, epoch int) string {
	return fmt.Sprintf("52 6c 8c 1c 3e 5a 0a 71-0b 8d 9e 4f 2b 6a %02x %02x", epoch&0xff, key&0xff)
}

func tracks(vm *simulator.VirtualMachine) bool {
	return vm.Config.ChangeTrackingEnabled != nil && *vm.Config.ChangeTrackingEnabled
}

func isOff(vm *simulator.VirtualMachine) bool {
	return vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff
}

func flatDisks(devices []types.BaseVirtualDevice) []*types.VirtualDisk {
	var list []*types.VirtualDisk
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			if _, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				list = append(list, disk)
			}
		}
	}
	return list
}

func diskOf(devices []types.BaseVirtualDevice, key int32) *types.VirtualDisk {
	for _, disk := range flatDisks(devices) {
		if disk.Key == key {
			return disk
		}
	}
	return nil
}

func fileOf(disk *types.VirtualDisk) string {
	return disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName
}

func capacityOf(disk *types.VirtualDisk) int64 {
	if disk.CapacityInBytes == 0 {
		return disk.CapacityInKB << 10
	}
	return disk.CapacityInBytes
}

// pathOf is where on this host a file of a machine's datastores is.
func (f *front) pathOf(vm *simulator.VirtualMachine, name string) (string, error) {
	var place object.DatastorePath
	if !place.FromString(name) {
		return "", fmt.Errorf("'%s' is no path of a datastore", name)
	}
	for _, one := range f.registry.All("Datastore") {
		if datastore, ok := one.(*simulator.Datastore); ok && datastore.Name == place.Datastore {
			return filepath.Join(datastore.Info.GetDatastoreInfo().Url, place.Path), nil
		}
	}
	return "", fmt.Errorf("there is no datastore '%s'", place.Datastore)
}

// flatOf is the file with the bytes of a disk, as the machine has them now. It is made, as long as the disk is, where it is not there.
func (f *front) flatOf(vm *simulator.VirtualMachine, disk *types.VirtualDisk) (string, error) {
	descriptor, err := f.pathOf(vm, fileOf(disk))
	if err != nil {
		return "", err
	}
	flat := strings.TrimSuffix(descriptor, ".vmdk") + "-flat.vmdk"
	now, err := os.Stat(flat)
	if err == nil && now.Size() == capacityOf(disk) {
		return flat, nil
	}
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	if err == nil && now.Size() != 0 {
		f.stateOf(vm.Self.Value, disk.Key).epoch++ // it was resized
	}
	if err := os.MkdirAll(filepath.Dir(flat), 0o700); err != nil {
		return "", err
	}
	file, err := os.OpenFile(flat, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := file.Truncate(capacityOf(disk)); err != nil {
		return "", err
	}
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
createType="vmfs"

# Extent description
RW %d VMFS "%s"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.virtualHWVersion = "14"
`, capacityOf(disk)/512, filepath.Base(flat))
	return flat, os.WriteFile(descriptor, []byte(text), 0o600)
}

func (f *front) stateOf(vm string, key int32) *diskState {
	name := diskName{vm, key}
	if f.disks[name] == nil {
		f.disks[name] = &diskState{}
	}
	return f.disks[name]
}

// readyDisks makes the files of all machines, as long as there are few.
func (f *front) readyDisks() error {
	f.content.Lock()
	defer f.content.Unlock()
	machines := f.registry.All("VirtualMachine")
	if len(machines) > 64 {
		return nil
	}
	for _, one := range machines {
		vm := one.(*simulator.VirtualMachine)
		for _, disk := range flatDisks(vm.Config.Hardware.Device) {
			if _, err := f.flatOf(vm, disk); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFile brings the bytes of one file into another, which keeps being the same file where it is there.
func copyFile(from, to string) error {
	said, err := exec.Command("cp", "--reflink=auto", "--sparse=always", "--", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %s", said)
	}
	return nil
}

// replaceDisks changes disks of a machine. Snapshots keep the devices that they were made with, so these are replaced and not changed.
func (f *front) replaceDisks(vm *simulator.VirtualMachine, change func(*types.VirtualDisk, *types.VirtualDiskFlatVer2BackingInfo)) {
	f.registry.WithLock(vm, func() {
		devices := append([]types.BaseVirtualDevice(nil), vm.Config.Hardware.Device...)
		for i, device := range devices {
			disk, ok := device.(*types.VirtualDisk)
			if !ok {
				continue
			}
			backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			if !ok {
				continue
			}
			changed, file := *disk, *backing
			changed.Backing = &file
			change(&changed, &file)
			devices[i] = &changed
		}
		vm.Config.Hardware.Device = devices
	})
}

// stampDisks gives each disk of a machine that tracks changes the next change id, and keeps what it holds at that moment. For a snapshot
// that is kept whether changes are tracked or not. It says which number it was.
func (f *front) stampDisks(value string, forSnapshot bool) (int, error) {
	vm := f.machine(value)
	if vm == nil {
		return 0, nil
	}
	f.content.Lock()
	defer f.content.Unlock()
	f.changeNo++
	number := f.changeNo
	var err error
	f.replaceDisks(vm, func(disk *types.VirtualDisk, file *types.VirtualDiskFlatVer2BackingInfo) {
		if err != nil {
			return
		}
		tracked := tracks(vm)
		state := f.stateOf(value, disk.Key)
		if !tracked && file.ChangeId != "" {
			state.epoch++ // to be switched on again is to begin anew
		}
		file.ChangeId = ""
		if !tracked && !forSnapshot {
			return
		}
		var live string
		if live, err = f.flatOf(vm, disk); err != nil {
			return
		}
		kept := &keptCopy{number: number, epoch: state.epoch, tracked: tracked, capacity: capacityOf(disk), file: filepath.Join(f.keep, fmt.Sprintf("%s-%d-%d", value, disk.Key, number))}
		if err = copyFile(live, kept.file); err != nil {
			return
		}
		state.kept = append(state.kept, kept)
		if tracked {
			file.ChangeId = fmt.Sprintf("%s/%d", changeUuid(disk.Key, state.epoch), number)
		}
	})
	if err == nil {
		err = f.forget()
	}
	return number, err
}

// forget removes the oldest copies that belong to no snapshot any more.
func (f *front) forget() error {
	for _, state := range f.disks {
		free := 0
		for _, copied := range state.kept {
			if copied.snapshot != "" && f.registry.Get(types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: copied.snapshot}) == nil {
				copied.snapshot = ""
			}
			if copied.snapshot == "" {
				free++
			}
		}
		var left []*keptCopy
		for _, copied := range state.kept {
			if copied.snapshot == "" && free > keptCopies {
				free--
				if err := os.Remove(copied.file); err != nil {
					return err
				}
				continue
			}
			left = append(left, copied)
		}
		state.kept = left
	}
	return nil
}

// taskIn is the task that a reply names, once it is over; nil where it failed.
func (f *front) taskIn(reply []byte) *simulator.Task {
	_, found, _ := strings.Cut(string(reply), `<returnval type="Task">`)
	value, _, _ := strings.Cut(found, "<")
	task, ok := f.registry.Get(types.ManagedObjectReference{Type: "Task", Value: value}).(*simulator.Task)
	if !ok {
		return nil
	}
	for i := 0; i < 1000; i++ {
		var state types.TaskInfoState
		f.registry.WithLock(task, func() { state = task.Info.State })
		switch state {
		case types.TaskInfoStateSuccess:
			return task
		case types.TaskInfoStateError:
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// keepFor says of which snapshot the copies of a number are.
func (f *front) keepFor(vm string, number int, reply []byte) {
	task := f.taskIn(reply)
	if task == nil {
		return
	}
	made, ok := task.Info.Result.(types.ManagedObjectReference)
	if !ok {
		return
	}
	f.content.Lock()
	defer f.content.Unlock()
	for name, state := range f.disks {
		for _, copied := range state.kept {
			if name.vm == vm && copied.number == number {
				copied.snapshot = made.Value
			}
		}
	}
}

// revert gives a machine's disks the bytes that they had in a snapshot. Their tracking begins anew.
func (f *front) revert(value, snapshot string) error {
	vm := f.machine(value)
	if vm == nil {
		return fmt.Errorf("there is no machine %s", value)
	}
	f.content.Lock()
	var err error
	f.replaceDisks(vm, func(disk *types.VirtualDisk, file *types.VirtualDiskFlatVer2BackingInfo) {
		state := f.stateOf(value, disk.Key)
		for _, copied := range state.kept {
			if copied.snapshot != snapshot || err != nil {
				continue
			}
			var live string
			if live, err = f.flatOf(vm, disk); err != nil {
				return
			}
			if err = copyFile(copied.file, live); err != nil {
				return
			}
			disk.CapacityInBytes, disk.CapacityInKB = copied.capacity, copied.capacity>>10
		}
		state.epoch++
	})
	f.content.Unlock()
	if err == nil {
		_, err = f.stampDisks(value, false)
	}
	return err
}

// setContent gives a disk bytes, and the length that those have, unless another is asked for.
func (f *front) setContent(body []byte) error {
	var asked struct {
		Vm       string `json:"vm"`
		Key      int32  `json:"key"`
		File     string `json:"file"`
		Capacity int64  `json:"capacity"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return err
	}
	vm := f.machine(asked.Vm)
	if vm == nil || diskOf(vm.Config.Hardware.Device, asked.Key) == nil {
		return fmt.Errorf("there is no disk %d of %s", asked.Key, asked.Vm)
	}
	if asked.File != "" && asked.Capacity == 0 {
		facts, err := os.Stat(asked.File)
		if err != nil {
			return err
		}
		asked.Capacity = facts.Size()
	}
	f.content.Lock()
	old := capacityOf(diskOf(vm.Config.Hardware.Device, asked.Key))
	var err error
	f.replaceDisks(vm, func(disk *types.VirtualDisk, file *types.VirtualDiskFlatVer2BackingInfo) {
		if disk.Key != asked.Key || err != nil {
			return
		}
		disk.CapacityInBytes, disk.CapacityInKB = asked.Capacity, asked.Capacity>>10
		var live string
		if live, err = f.flatOf(vm, disk); err != nil || asked.File == "" {
			return
		}
		if err = copyFile(asked.File, live); err == nil {
			err = os.Truncate(live, asked.Capacity)
		}
	})
	f.content.Unlock()
	if err == nil && old != asked.Capacity {
		_, err = f.stampDisks(asked.Vm, false)
	}
	return err
}

// addDelta has a machine write to a new file from now on, on top of that which it wrote to before, as a real server does where there is a
// snapshot: the file below keeps what it holds.
func (f *front) addDelta(body []byte) error {
	var asked struct {
		Vm  string `json:"vm"`
		Key int32  `json:"key"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return err
	}
	vm := f.machine(asked.Vm)
	if vm == nil || diskOf(vm.Config.Hardware.Device, asked.Key) == nil {
		return fmt.Errorf("there is no disk %d of %s", asked.Key, asked.Vm)
	}
	f.content.Lock()
	defer f.content.Unlock()
	var err error
	f.replaceDisks(vm, func(disk *types.VirtualDisk, file *types.VirtualDiskFlatVer2BackingInfo) {
		if disk.Key != asked.Key || err != nil {
			return
		}
		var below, above string
		if below, err = f.flatOf(vm, disk); err != nil {
			return
		}
		parent := *file
		file.Parent = &parent
		file.FileName = strings.TrimSuffix(file.FileName, ".vmdk") + "-000001.vmdk"
		if above, err = f.flatOf(vm, disk); err == nil {
			err = copyFile(below, above)
		}
	})
	return err
}

// livePath is where the bytes of a disk are, for whoever writes to them as the guest.
func (f *front) livePath(body []byte) (any, error) {
	var asked struct {
		Vm  string `json:"vm"`
		Key int32  `json:"key"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	vm := f.machine(asked.Vm)
	if vm == nil {
		return nil, fmt.Errorf("there is no machine %s", asked.Vm)
	}
	disk := diskOf(vm.Config.Hardware.Device, asked.Key)
	if disk == nil {
		return nil, fmt.Errorf("there is no disk %d of %s", asked.Key, asked.Vm)
	}
	f.content.Lock()
	defer f.content.Unlock()
	live, err := f.flatOf(vm, disk)
	return map[string]any{"path": live}, err
}

// lie leaves areas out of every answer about a disk.
func (f *front) lie(body []byte) error {
	var asked struct {
		Vm    string    `json:"vm"`
		Key   int32     `json:"key"`
		Areas [][]int64 `json:"areas"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return err
	}
	f.content.Lock()
	defer f.content.Unlock()
	f.stateOf(asked.Vm, asked.Key).lies = asked.Areas
	return nil
}

func refuse(name, message, detail string) (int, []byte) {
	return http.StatusInternalServerError, faultBody(name, message, detail)
}

func badParameter(name string) (int, []byte) {
	return refuse("InvalidArgument", "A specified parameter was not correct: "+name, "<invalidProperty>"+name+"</invalidProperty>")
}

// compareDisks answers what changed on a disk from what was kept.
func (f *front) compareDisks(call request) (int, []byte) {
	vm := f.machine(call.target)
	if vm == nil {
		return refuse("ManagedObjectNotFound", "no such machine", fmt.Sprintf(`<obj type="%s">%s</obj>`, call.targetOf, call.target))
	}
	key := int32(call.numberOf("deviceKey"))
	disk := diskOf(vm.Config.Hardware.Device, key)
	if disk == nil {
		return badParameter("deviceKey")
	}
	f.content.Lock()
	defer f.content.Unlock()
	state := f.stateOf(call.target, key)
	fileFault := func() (int, []byte) {
		return refuse("FileFault", "Error caused by file "+fileOf(disk), "<file>"+fileOf(disk)+"</file>")
	}

	later := &keptCopy{epoch: state.epoch, tracked: tracks(vm), capacity: capacityOf(disk), number: f.changeNo + 1}
	if snapshot := call.valueOf("snapshot"); snapshot != "" {
		later = nil
		for _, copied := range state.kept {
			if copied.snapshot == snapshot {
				later = copied
			}
		}
		if later == nil {
			return refuse("NotFound", "no such snapshot", "")
		}
	} else if !isOff(vm) {
		return fileFault() // it is in use: a machine that runs is asked about by its snapshots
	} else {
		live, err := f.flatOf(vm, disk)
		if err != nil {
			return refuse("FileNotFound", err.Error(), "")
		}
		later.file = live
	}
	if !later.tracked {
		return fileFault()
	}
	from := call.numberOf("startOffset")
	if from < 0 || from >= later.capacity {
		return badParameter("startOffset")
	}

	var earlier *keptCopy
	if change := call.valueOf("changeId"); change != "*" {
		uuid, text, ok := strings.Cut(change, "/")
		number, err := strconv.Atoi(text)
		if !ok || err != nil || uuid != changeUuid(key, later.epoch) {
			return fileFault()
		}
		for _, copied := range state.kept {
			if copied.number == number && copied.epoch == later.epoch && copied.tracked && number <= later.number {
				earlier = copied
			}
		}
		if earlier == nil {
			return badParameter("changeId")
		}
	}
	areas, err := changesBetween(earlier, later)
	if err != nil {
		return refuse("FileFault", err.Error(), "")
	}
	var told [][]int64
	for _, area := range without(areas, state.lies) {
		if area[0]+area[1] <= from {
			continue
		}
		if len(told) == areasInAnswer {
			last := told[len(told)-1]
			return changedAreas(from, last[0]+last[1]-from, told)
		}
		told = append(told, area)
	}
	return changedAreas(from, later.capacity-from, told)
}

// changesBetween compares two states; without an earlier one it lists what is allocated.
func changesBetween(earlier, later *keptCopy) ([][]int64, error) {
	now, err := os.Open(later.file)
	if err != nil {
		return nil, err
	}
	defer now.Close()
	files := []*os.File{now}
	if earlier != nil {
		then, err := os.Open(earlier.file)
		if err != nil {
			return nil, err
		}
		defer then.Close()
		files = append(files, then)
	}
	var areas [][]int64
	blocks := [][]byte{make([]byte, trackedBytes), make([]byte, trackedBytes)}
	for at := int64(0); at < later.capacity; at += trackedBytes {
		// Where neither has data, they are the same.
		next := later.capacity
		for _, file := range files {
			data, err := syscall.Seek(int(file.Fd()), at, 3) // SEEK_DATA
			if err != nil && err != syscall.ENXIO {
				return nil, err
			}
			if err == nil && data < next {
				next = data
			}
		}
		if at = next / trackedBytes * trackedBytes; next >= later.capacity {
			break
		}
		length := later.capacity - at
		if length > trackedBytes {
			length = trackedBytes
		}
		for i, file := range files {
			if _, err := file.ReadAt(blocks[i][:length], at); err != nil && err != io.EOF {
				return nil, err
			}
		}
		if earlier != nil && string(blocks[0][:length]) == string(blocks[1][:length]) {
			continue
		}
		if n := len(areas); n > 0 && areas[n-1][0]+areas[n-1][1] == at {
			areas[n-1][1] += length
		} else {
			areas = append(areas, []int64{at, length})
		}
	}
	return areas, nil
}

// without takes the second list of areas out of the first.
func without(areas, lies [][]int64) [][]int64 {
	for _, lie := range lies {
		var left [][]int64
		for _, area := range areas {
			end, lieEnd := area[0]+area[1], lie[0]+lie[1]
			if lieEnd <= area[0] || end <= lie[0] {
				left = append(left, area)
				continue
			}
			if area[0] < lie[0] {
				left = append(left, []int64{area[0], lie[0] - area[0]})
			}
			if lieEnd < end {
				left = append(left, []int64{lieEnd, end - lieEnd})
			}
		}
		areas = left
	}
	return areas
}
