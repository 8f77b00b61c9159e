namespace Sealift.Guests.Ntfs;

/// <summary>The types of attributes, which every volume's $AttrDef lists too.</summary>
internal static class AttributeType
{
    public const uint StandardInformation = 0x10;
    public const uint AttributeList = 0x20;
    public const uint FileName = 0x30;
    public const uint ObjectId = 0x40;
    public const uint SecurityDescriptor = 0x50;
    public const uint VolumeName = 0x60;
    public const uint VolumeInformation = 0x70;
    public const uint Data = 0x80;
    public const uint IndexRoot = 0x90;
    public const uint IndexAllocation = 0xA0;
    public const uint Bitmap = 0xB0;
    public const uint ReparsePoint = 0xC0;
    public const uint EaInformation = 0xD0;
    public const uint Ea = 0xE0;
    public const uint LoggedUtilityStream = 0x100;

    /// <summary>Not an attribute: the end of a record's attributes.</summary>
    public const uint End = 0xFFFF_FFFF;

    private static readonly string[] Names =
    [
        "$STANDARD_INFORMATION", "$ATTRIBUTE_LIST", "$FILE_NAME", "$OBJECT_ID", "$SECURITY_DESCRIPTOR", "$VOLUME_NAME", "$VOLUME_INFORMATION", "$DATA",
        "$INDEX_ROOT", "$INDEX_ALLOCATION", "$BITMAP", "$REPARSE_POINT", "$EA_INFORMATION", "$EA", "$PROPERTY_SET", "$LOGGED_UTILITY_STREAM",
    ];

    /// <summary>Whether there is such a type.</summary>
    public static bool IsKnown(uint type) => type is >= 0x10 and <= 0x100 && type % 0x10 == 0;

    /// <summary>Whether an attribute of this type lies in its record.</summary>
    public static bool IsAlwaysResident(uint type) => type is StandardInformation or FileName or ObjectId or VolumeName or VolumeInformation or IndexRoot or EaInformation;

    /// <summary>Its name for people.</summary>
    public static string Name(uint type) => IsKnown(type) ? Names[(type / 0x10) - 1] : $"attribute 0x{type:x}";
}
