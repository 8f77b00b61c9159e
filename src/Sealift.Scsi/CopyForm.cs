namespace Sealift.Scsi;

/// <summary>How a copy manager is asked to copy. A later one is preferred.</summary>
public enum CopyForm
{
    /// <summary>EXTENDED COPY(LID1): the command ends when all is copied. Every copy manager knows it.</summary>
    Lid1,

    /// <summary>EXTENDED COPY(LID4): likewise, by a longer list.</summary>
    Lid4,

    /// <summary>EXTENDED COPY(LID4) with IMMED: the copy goes on by itself, is asked about, and can be aborted.</summary>
    Lid4InBackground,
}

/// <summary>The names of the forms, for people.</summary>
public static class CopyForms
{
    /// <summary>What it is called.</summary>
    public static string Text(this CopyForm form) => form switch
    {
        CopyForm.Lid4InBackground => "EXTENDED COPY(LID4) in the background",
        CopyForm.Lid4 => "EXTENDED COPY(LID4)",
        _ => "EXTENDED COPY(LID1)",
    };
}
