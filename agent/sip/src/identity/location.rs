//! Where a caller is, written for those who must find them: a Geolocation header (RFC 6442) and, when the place itself is sent, a
//! PIDF-LO (RFC 4119, RFC 5491, RFC 5139) beside the session description.

use crate::message::{HeaderName, Request};
use std::fmt::Write;

/// Where a caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// A location server's address, where it is asked for.
    Reference(String),
    /// Degrees by WGS 84, and metres of uncertainty, as decimal numbers.
    Point {
        /// Latitude.
        latitude: String,
        /// Longitude.
        longitude: String,
        /// Radius of a circle around it.
        radius: Option<String>,
    },
    /// Parts of a street address by their names in RFC 5139, in its order.
    Civic(Vec<(String, String)>),
}

impl Whereabouts {
    /// Adds the place to a request. A place by value makes its body a multipart of session description and PIDF-LO.
    pub(super) fn dress(&self, request: &mut Request, entity: &str, mark: &str) {
        let headers = &mut request.headers;
        headers.push(HeaderName::GeolocationRouting, "yes");
        let Some(place) = self.place() else {
            if let Self::Reference(uri) = self {
                headers.push(HeaderName::Geolocation, format!("<{uri}>"));
            }
            return;
        };
        let id = format!("{mark}@carillon.invalid");
        headers.push(HeaderName::Geolocation, format!("<cid:{id}>"));
        let kind = headers
            .text(HeaderName::ContentType)
            .unwrap_or_default()
            .into_owned();
        let boundary = format!("carillon-{mark}");
        let mut body = Vec::new();
        body.extend_from_slice(format!("--{boundary}\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
        body.extend_from_slice(&request.body);
        body.extend_from_slice(
            format!(
                "\r\n--{boundary}\r\nContent-Type: application/pidf+xml\r\nContent-ID: <{id}>\r\nContent-Disposition: render;handling=optional\r\n\r\n{}\r\n--{boundary}--\r\n",
                document(entity, &place)
            )
            .as_bytes(),
        );
        request.body = body;
        headers.set(
            HeaderName::ContentType,
            format!("multipart/mixed;boundary=\"{boundary}\""),
        );
    }

    fn place(&self) -> Option<String> {
        let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
        match self {
            Self::Reference(_) => None,
            Self::Point {
                latitude,
                longitude,
                radius: None,
            } => Some(format!(
                "<gml:Point srsName=\"urn:ogc:def:crs:EPSG::4326\"><gml:pos>{} {}</gml:pos></gml:Point>",
                escape(latitude),
                escape(longitude)
            )),
            Self::Point {
                latitude,
                longitude,
                radius: Some(radius),
            } => Some(format!(
                "<gs:Circle srsName=\"urn:ogc:def:crs:EPSG::4326\"><gml:pos>{} {}</gml:pos><gs:radius uom=\"urn:ogc:def:uom:EPSG::9001\">{}</gs:radius></gs:Circle>",
                escape(latitude),
                escape(longitude),
                escape(radius)
            )),
            Self::Civic(parts) => {
                let mut out = String::from("<ca:civicAddress>");
                for (name, text) in parts {
                    if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                        let _ = write!(out, "<ca:{name}>{}</ca:{name}>", escape(text));
                    }
                }
                out.push_str("</ca:civicAddress>");
                Some(out)
            }
        }
    }
}

fn document(entity: &str, place: &str) -> String {
    let entity = quick_xml::escape::escape(entity).into_owned();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\" xmlns:gml=\"http://www.opengis.net/gml\" xmlns:gs=\"http://www.opengis.net/pidflo/1.0\" xmlns:ca=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\" entity=\"{entity}\">\n<dm:device id=\"desk\"><gp:geopriv><gp:location-info>{place}</gp:location-info><gp:usage-rules/><gp:method>Manual</gp:method></gp:geopriv></dm:device>\n</presence>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Method, Uri};
    use crate::sdp::SessionDescription;

    #[test]
    fn place_goes_beside_the_session_description() {
        let mut request = Request::new(Method::Invite, "sip:112@x".parse::<Uri>().unwrap());
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        let sdp = b"v=0\r\no=- 5 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8\r\n";
        request.body = sdp.to_vec();
        let civic = Whereabouts::Civic(vec![
            ("country".into(), "AT".into()),
            ("RD".into(), "A & B <Gasse>".into()),
        ]);
        civic.dress(&mut request, "sip:a@x", "m1");
        assert_eq!(
            request.headers.text(HeaderName::Geolocation).unwrap(),
            "<cid:m1@carillon.invalid>"
        );
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(text.contains("<ca:RD>A &amp; B &lt;Gasse&gt;</ca:RD>"));
        assert!(text.ends_with("\r\n--carillon-m1--\r\n"));
        let part = text.split("\r\n\r\n").nth(1).unwrap();
        let part = part.split("\r\n--carillon").next().unwrap();
        assert!(SessionDescription::parse(part.as_bytes()).is_ok());

        let mut request = Request::new(Method::Invite, "sip:112@x".parse::<Uri>().unwrap());
        Whereabouts::Reference("https://lis.example/1".into()).dress(&mut request, "", "m");
        assert_eq!(
            request.headers.text(HeaderName::Geolocation).unwrap(),
            "<https://lis.example/1>"
        );
        assert!(request.body.is_empty());
    }
}
