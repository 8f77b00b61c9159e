#!/bin/bash
# Wraps a raw disk as an OVA the way VMware exports a machine: streamOptimized VMDK, OVF, SHA256 manifest; LSI Logic SCSI, vmxnet3.
#
#   tiny-ova.sh [--uefi] DISK.raw NAME OUT.ova [MORE.raw...]
#
# --uefi says that the machine boots by UEFI, as VMware says it.
# The disks hang on unit 0, 1, … in the order given, and are listed backwards in the OVF: whoever binds them by index is wrong.
# NAME goes into the OVF as it is: letters, digits, dots and dashes only.
# Needs the Debian package qemu-utils.
set -euo pipefail
export LC_ALL=C
umask 022

firmware=''
if [ "${1:-}" = --uefi ]; then
    firmware='      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
'
    shift
fi
[ $# -ge 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
name=$2 out=$3
disks=("$1" "${@:4}")
case $name in *[!A-Za-z0-9.-]*|'') echo "tiny-ova.sh: NAME may have letters, digits, dots and dashes only" >&2; exit 2 ;; esac

work=$(mktemp -d "${TMPDIR:-/tmp}/tiny-ova.XXXXXX")
trap 'rm -rf "$work" "$out.$$.new"' EXIT

files='' entries='' items='' members=()
for i in "${!disks[@]}"; do
    n=$((i + 1)) member=$name-disk$((i + 1)).vmdk
    qemu-img convert -f raw -O vmdk -o subformat=streamOptimized,adapter_type=lsilogic "${disks[i]}" "$work/$member"
    members+=("$member")
    files="    <File ovf:href=\"$member\" ovf:id=\"file$n\" ovf:size=\"$(stat -c %s "$work/$member")\"/>
$files"
    entries="    <Disk ovf:capacity=\"$(stat -L -c %s "${disks[i]}")\" ovf:capacityAllocationUnits=\"byte\" ovf:diskId=\"vmdisk$n\" ovf:fileRef=\"file$n\" ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized\"/>
$entries"
    items="      <Item>
        <rasd:AddressOnParent>$i</rasd:AddressOnParent>
        <rasd:ElementName>Hard Disk $n</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk$n</rasd:HostResource>
        <rasd:InstanceID>$((100 + i))</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
$items"
done
cat > "$work/$name.ovf" <<X
<?xml version="1.0" encoding="UTF-8"?>
<Envelope vmw:buildId="build-1" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <References>
${files%$'\n'}
  </References>
  <DiskSection>
    <Info>Virtual disk information</Info>
${entries%$'\n'}
  </DiskSection>
  <NetworkSection>
    <Info>The list of logical networks</Info>
    <Network ovf:name="VM Network"><Description>The VM Network network</Description></Network>
  </NetworkSection>
  <VirtualSystem ovf:id="$name">
    <Info>A virtual machine</Info>
    <Name>$name</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest"><Info>The kind of installed guest operating system</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>$name</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of Virtual CPUs</rasd:Description>
        <rasd:ElementName>1 virtual CPU(s)</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory Size</rasd:Description>
        <rasd:ElementName>512MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>512</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI Controller</rasd:Description>
        <rasd:ElementName>SCSI Controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
${items%$'\n'}
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>VmxNet3 ethernet adapter on "VM Network"</rasd:Description>
        <rasd:ElementName>Ethernet 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
${firmware}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
X
cd "$work"
for file in "$name.ovf" "${members[@]}"; do echo "SHA256($file)= $(sha256sum < "$file" | cut -d' ' -f1)"; done > "$name.mf"
# The OVF must be the first member (DSP0243, 5.3); tar needs the output's absolute path from here.
tar cf "$work/out.ova" --owner=0 --group=0 --numeric-owner --format=ustar "$name.ovf" "$name.mf" "${members[@]}"
cd - > /dev/null
mv "$work/out.ova" "$out.$$.new"
mv "$out.$$.new" "$out"
