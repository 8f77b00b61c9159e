namespace Sealift.VSphere.Tests;

/// <summary>What a server says, spelled out.</summary>
internal static class Soap
{
    public static string Envelope(string body) =>
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soapenv:Body>"
        + body + "</soapenv:Body></soapenv:Envelope>";

    public static string Fault(string name, string message, string detail = "") =>
        Envelope($"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{message}</faultstring><detail><{name}Fault xmlns=\"urn:vim25\" xsi:type=\"{name}\">{detail}</{name}Fault></detail></soapenv:Fault>");
}
