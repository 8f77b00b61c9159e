#!/usr/bin/python3
"""What VMware's own client library (pyvmomi) sees of a server, one JSON object a line; and what it changes there.

usage: vsphere-inventory.py ADDRESS CAFILE USER [ACTION ARGUMENT...]   the password is the first line of standard input
actions: rule CLUSTER NAME together|apart MACHINE...     a rule of a cluster
         rename MACHINE NAME
         folder NAME MACHINE                             a new folder, with a machine in it
         destroy MACHINE
"""
import json
import ssl
import sys
from urllib.parse import urlsplit

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim


def every(content, kind):
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    try:
        return list(view.view)
    finally:
        view.Destroy()


def one(content, kind, name):
    return next(o for o in every(content, kind) if o.name == name)


def show(content):
    for machine in every(content, vim.VirtualMachine):
        devices = machine.config.hardware.device
        print(json.dumps({
            "reference": machine._moId, "name": machine.name, "folder": machine.parent.name, "power": machine.runtime.powerState,
            "instanceUuid": machine.config.instanceUuid, "biosUuid": machine.config.uuid, "processors": machine.config.hardware.numCPU, "memoryBytes": machine.config.hardware.memoryMB << 20,
            "disks": [{"key": d.key, "capacityBytes": d.capacityInBytes or d.capacityInKB << 10, "file": d.backing.fileName} for d in devices if isinstance(d, vim.vm.device.VirtualDisk)],
            "cards": [d.macAddress for d in devices if isinstance(d, vim.vm.device.VirtualEthernetCard)],
        }))


def change(content, action, arguments):
    if action == "rename":
        WaitForTask(one(content, vim.VirtualMachine, arguments[0]).Rename_Task(arguments[1]))
    elif action == "folder":
        folder = content.rootFolder.childEntity[0].vmFolder.CreateFolder(arguments[0])
        WaitForTask(folder.MoveIntoFolder_Task([one(content, vim.VirtualMachine, arguments[1])]))
    elif action == "destroy":
        machine = one(content, vim.VirtualMachine, arguments[0])
        WaitForTask(machine.PowerOffVM_Task())
        WaitForTask(machine.Destroy_Task())
    elif action == "rule":
        cluster, name, kind, machines = arguments[0], arguments[1], arguments[2], arguments[3:]
        rule = vim.cluster.AffinityRuleSpec() if kind == "together" else vim.cluster.AntiAffinityRuleSpec()
        rule.name, rule.enabled, rule.vm = name, True, [one(content, vim.VirtualMachine, m) for m in machines]
        spec = vim.cluster.ConfigSpecEx(rulesSpec=[vim.cluster.RuleSpec(operation="add", info=rule)])
        WaitForTask(one(content, vim.ClusterComputeResource, cluster).ReconfigureComputeResource_Task(spec, True))
    else:
        sys.exit(f"no such action: {action}")


address, authorities, user = sys.argv[1:4]
server = urlsplit(address)
connection = SmartConnect(
    host=server.hostname, port=server.port, user=user, pwd=sys.stdin.readline().rstrip("\n"), sslContext=ssl.create_default_context(cafile=authorities))
try:
    if len(sys.argv) > 4:
        change(connection.RetrieveContent(), sys.argv[4], sys.argv[5:])
    else:
        show(connection.RetrieveContent())
finally:
    Disconnect(connection)
