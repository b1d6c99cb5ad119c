(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $out))
    (core module $module (memory 1) (data (i32.const 0) "contents")
        (func $start unreachable) (start $start)
        (func (export "handle") (param i32 i32)))
    (core instance $core (instantiate $module))
    (func $handle (param "request" (own $request)) (param "response-out" (own $out))
        (canon lift (core func $core "handle")))
    (component $shim
        (import "incoming-request" (type $request (sub resource)))
        (import "response-outparam" (type $out (sub resource)))
        (import "handle" (func $handle
            (param "request" (own $request)) (param "response-out" (own $out))))
        (export "handle" (func $handle)))
    (instance $exported (instantiate $shim
        (with "incoming-request" (type $request))
        (with "response-outparam" (type $out))
        (with "handle" (func $handle))))
    (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))
