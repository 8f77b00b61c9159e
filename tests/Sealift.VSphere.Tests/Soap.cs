namespace Sealift.VSphere.Tests;

/// <summary>What a server says, spelled out.</summary>
internal static class Soap
{
    public static string Envelope(string body) =>
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soapenv:Body>"
        + body + "</soapenv:Body></soapenv:Envelope>";

    public static string Fault(string name, string message, string detail = "") =>
        Envelope($"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{message}</faultstring><detail><{name}Fault xmlns=\"urn:vim25\" xsi:type=\"{name}\">{detail}</{name}Fault></detail></soapenv:Fault>");

    /// <summary>One object with one property.</summary>
    public static string Properties(ManagedReference target, params (string Path, string Type, string Content)[] properties) =>
        Envelope($"<RetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval><objects><obj type=\"{target.Type}\">{target.Value}</obj>"
            + string.Concat(properties.Select(p => $"<propSet><name>{p.Path}</name><val xsi:type=\"{p.Type}\">{p.Content}</val></propSet>"))
            + "</objects></returnval></RetrievePropertiesExResponse>");

    public static string TaskEnds(string task, string fault, string detail) =>
        TaskUpdate(task, $"<state>error</state><error><fault xsi:type=\"{fault}\">{detail}</fault><localizedMessage>as the rig was told</localizedMessage></error>");

    public static string TaskGoesOn(string task, int percent) => TaskUpdate(task, $"<state>running</state><progress>{percent}</progress>");

    private static string TaskUpdate(string task, string info) =>
        Envelope("<WaitForUpdatesExResponse xmlns=\"urn:vim25\"><returnval><version>1</version><filterSet><filter type=\"PropertyFilter\">f</filter>"
            + $"<objectSet><kind>enter</kind><obj type=\"Task\">{task}</obj><changeSet><name>info</name><op>assign</op><val xsi:type=\"TaskInfo\">{info}</val></changeSet></objectSet>"
            + "</filterSet></returnval></WaitForUpdatesExResponse>");
}
