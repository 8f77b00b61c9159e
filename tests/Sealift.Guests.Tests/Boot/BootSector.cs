using System.Text;

namespace Sealift.Guests.Tests.Boot;

/// <summary>Disks of one boot sector: guests of a few instructions, which a BIOS starts within a second.</summary>
internal static class BootSector
{
    private const int Origin = 0x7C00;

    /// <summary>jmp to itself: it says nothing, and does nothing.</summary>
    public static byte[] Silent => [0xEB, 0xFE];

    /// <summary>Tells the pvpanic device that it crashed (bit 0 of port 0x505), and halts; qemu's docs/specs/pvpanic.txt.</summary>
    public static byte[] Crashing => [0xBA, 0x05, 0x05, 0xB0, 0x01, 0xEE, 0xF4, 0xEB, 0xFD];

    /// <summary>Sets SLP_EN with type 0 in the ACPI PM1a control register, where SeaBIOS puts it: off.</summary>
    public static byte[] PoweringOff => [0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF, 0xF4, 0xEB, 0xFD];

    /// <summary>Pulls the processor's reset line by the keyboard controller.</summary>
    public static byte[] Restarting => [0xB0, 0xFE, 0xE6, 0x64, 0xF4, 0xEB, 0xFD];

    /// <summary>Writes to the serial port: once, then it halts; or over and over.</summary>
    public static byte[] Saying(byte[] text, bool forEver = false)
    {
        byte[] code =
        [
            0xFB, 0xB9, 0x12, 0x00, 0xF4, 0xE2, 0xFD, // sti; mov cx,18; hlt; loop -3: a second, in which the BIOS writes what it still has to say
            0x31, 0xC0, 0x8E, 0xD8, // xor ax,ax; mov ds,ax
            0xBE, 0, 0, // mov si,text
            0xAC, 0x84, 0xC0, 0x74, 0x11, // lodsb; test al,al; jz end
            0x88, 0xC4, 0xBA, 0xFD, 0x03, // mov ah,al; mov dx,0x3FD
            0xEC, 0xA8, 0x20, 0x74, 0xFB, // in al,dx; test al,0x20; jz -5
            0x88, 0xE0, 0xB2, 0xF8, 0xEE, // mov al,ah; mov dl,0xF8; out dx,al
            0xEB, 0xEA, // jmp lodsb
            .. forEver ? (byte[])[0xEB, 0xE5] : [0xF4, 0xEB, 0xFD], // jmp mov si; or hlt; jmp -3
        ];
        var at = Origin + code.Length;
        (code[12], code[13]) = ((byte)at, (byte)(at >> 8));
        return [.. code, .. text, 0];
    }

    public static byte[] Saying(string text) => Saying(Encoding.UTF8.GetBytes(text));

    /// <summary>A disk of 1 MiB; without code it has no signature either.</summary>
    public static string Disk(TemporaryDirectory directory, byte[]? code)
    {
        var disk = new byte[1 << 20];
        if (code is not null)
        {
            Assert.True(code.Length <= 510, $"{code.Length} bytes do not fit");
            code.CopyTo(disk, 0);
            (disk[510], disk[511]) = (0x55, 0xAA);
        }

        var path = directory.File("disk.raw");
        File.WriteAllBytes(path, disk);
        return path;
    }
}
